//! The proof of the engine: a second implementation for comparison, restarts, readable scenarios,
//! and a golden log for its version.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod backfill;
mod differential;
mod golden;
#[path = "../../../tests/faults/trial/line.rs"]
mod line;
mod oracle;
mod plan;
mod restart;
mod rollups;
mod scenario;
mod stream;
mod version;

use proptest::test_runner::Config;

/// Property tests of `cases` cases. A failure prints its shrunk input: keep that as a test with a
/// name, not as a seed in a file.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}
