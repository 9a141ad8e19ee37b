//! Images that a crash or a full or failing disk may leave of an embedded queue and store: every
//! image recovers, with everything that was acknowledged and nothing incomplete.
//!
//! The files are copied at every sync point of a script, and in the middle of its transactions.
//! Writes between two copies are then lost, torn and reordered in every way that a disk may do
//! before the next sync (`image.rs`). The order of writes and syncs that this assumes of SQLite is
//! checked by its system calls (`system_calls.rs`).
//!
//! Not covered: a crash while a new file gets its first page (a rollback journal does that, once),
//! a disk that loses what it has synced, and bit rot, which `flips.rs` covers as far as it can be
//! detected.
//!
//! Random choices come from a printed seed; set `CRASH_SEED` to repeat them.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it tries")]
#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod check;
mod child;
mod files;
mod flips;
mod image;
#[path = "../../../../tests/faults/trial/line.rs"]
mod line;
mod queue;
mod random;
mod script;
mod small_disk;
mod store;
mod system_calls;

use check::every_image_recovers;
use random::Random;
use script::Subject;

#[test]
fn a_queue_recovers_from_every_image_with_all_that_was_acknowledged() {
    let mut random = Random::seeded();
    every_image_recovers::<queue::Topics>(queue::Topics::script(&mut random), &mut random);
}

#[test]
fn a_store_recovers_from_every_image_with_all_that_was_acknowledged() {
    let mut random = Random::seeded();
    every_image_recovers::<store::Commits>(store::Commits::script(&mut random), &mut random);
}

/// Its pages reach the WAL before the commit, and the commit moves the WAL into the file.
#[test]
fn an_append_larger_than_cache_and_wal_is_there_whole_or_not_at_all() {
    let mut random = Random::seeded();
    every_image_recovers::<queue::Topics>(queue::Topics::large(), &mut random);
}
