//! Named places at which a test can make this crate fail or die. They are compiled in only with
//! feature `failpoints`; without it they cost nothing.
//!
//! Actions are those of the [`fail`] crate, set with `fail::cfg` or, once `FailScenario::setup()`
//! was called, by the environment: `FAILPOINTS='commit-after=3*off->return(abort)'`. `return`
//! gives [`Error::Failpoint`], `return(abort)` ends the process as `kill -9` would.

use crate::{Error, Result};

/// Before a commit's transaction begins. `return`: `CommitError::Retry`.
pub const COMMIT_BEFORE: &str = "commit-before";
/// All of a commit is written but not yet committed. `return`: `CommitError::Retry`.
pub const COMMIT_IN_TRANSACTION: &str = "commit-in-transaction";
/// All messages of a commit have arrived, its offsets are not sent. In Kafka only, as the next one.
pub const COMMIT_SENT: &str = "commit-sent";
/// A client that commits is about to end what the one before it left.
pub const COMMIT_OPENING: &str = "commit-opening";
/// A commit is durable and nobody was told. `return`: `CommitError::Rebuild`.
pub const COMMIT_AFTER: &str = "commit-after";
/// All of a rewind is written but not yet committed.
pub const REWIND_IN_TRANSACTION: &str = "rewind-in-transaction";
/// A rewind is durable and nobody was told.
pub const REWIND_AFTER: &str = "rewind-after";
/// All of an append is written but not yet committed.
pub const APPEND_IN_TRANSACTION: &str = "append-in-transaction";
/// An append is durable and nobody was told.
pub const APPEND_AFTER: &str = "append-after";
/// A chunk of a snapshot is written, its commit is not made. In SQLite only, as the next one.
pub const SNAPSHOT_CHUNK: &str = "snapshot-chunk";
/// A checkpoint is written, older ones are not pruned, the commit is not made.
pub const BEFORE_PRUNE: &str = "checkpoint-before-prune";

/// Places where a process that commits may be killed.
pub const COMMITTING: [&str; 5] =
    [COMMIT_BEFORE, COMMIT_IN_TRANSACTION, COMMIT_AFTER, SNAPSHOT_CHUNK, BEFORE_PRUNE];
/// Places where a worker that commits to Kafka may be killed.
pub const COMMITTING_TO_KAFKA: [&str; 5] =
    [COMMIT_OPENING, COMMIT_BEFORE, COMMIT_SENT, COMMIT_IN_TRANSACTION, COMMIT_AFTER];
/// Places where a process that appends may be killed.
pub const APPENDING: [&str; 2] = [APPEND_IN_TRANSACTION, APPEND_AFTER];

/// The fsync of a transaction fails: `return(lost)` when nothing of it reached the disk, `return`
/// when all of it did. Nobody can tell which.
pub const FSYNC: &str = "sqlite-fsync";
/// Moves the wall clock of this process: `return(3600000)` is an hour ahead, in ms.
pub const WALL_CLOCK: &str = "wall-clock";

/// Passes the place `name` on the way to changing what is `at`.
///
/// # Errors
/// [`Error::Failpoint`], when a test says so.
pub fn pass(at: &str, name: &'static str) -> Result<()> {
    let stop = |how: Option<String>| match how.as_deref() {
        Some("abort") => std::process::abort(),
        _ => Result::<()>::Err(Error::Failpoint { at: at.to_owned(), doing: name }),
    };
    fail::fail_point!(name, stop);
    let _ = stop;
    Ok(())
}

/// How a test wants the next fsync of a transaction to fail.
pub fn failing_fsync() -> Option<Lost> {
    fail::fail_point!(FSYNC, |how| Some(match how.as_deref() {
        Some("lost") => Lost::All,
        _ => Lost::Nothing,
    }));
    None
}

/// What a failed fsync has lost.
#[allow(dead_code, reason = "only failpoints make one")]
pub enum Lost {
    /// All of it.
    All,
    /// Nothing.
    Nothing,
}

/// How far a test has moved the wall clock, ms.
pub fn clock_shift_ms() -> i64 {
    fail::fail_point!(WALL_CLOCK, |ms| ms.and_then(|ms| ms.parse().ok()).unwrap_or(0));
    0
}
