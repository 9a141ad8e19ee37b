//! What a crash, a full disk or a failing one may leave of the files of an embedded queue and
//! store: every image of it recovers, with everything that was acknowledged and nothing half.
//!
//! The files are copied at every sync point of a script, and in the middle of its transactions.
//! What was written between two copies is then lost, torn and mixed in every way that a disk may
//! do it before the sync that ends it (`image.rs`). That SQLite writes and syncs in the order that
//! this takes for granted is checked by its system calls (`system_calls.rs`).
//!
//! Not covered: a crash while a new file gets its first page (a rollback journal does that, once),
//! a disk that loses what it has synced, and bit rot, which is in `flips.rs` as far as it is found.
//!
//! Choices are drawn from a seed that is printed; set `CRASH_SEED` to draw the same ones again.

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
