//! Named places of this backend, in addition to those of all backends
//! ([`seismic_queue::failpoints`]), at which a test can make a commit fail or the process die.

use seismic_queue::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION};

/// A chunk of a snapshot is written, its commit is not made.
pub const SNAPSHOT_CHUNK: &str = "snapshot-chunk";
/// A checkpoint is written, older ones are not pruned, the commit is not made.
pub const BEFORE_PRUNE: &str = "checkpoint-before-prune";

/// Places where a process that commits may be killed.
pub const COMMITTING: [&str; 5] =
    [COMMIT_BEFORE, COMMIT_IN_TRANSACTION, COMMIT_AFTER, SNAPSHOT_CHUNK, BEFORE_PRUNE];

/// The fsync of a transaction fails: `return(lost)` when nothing of it reached the disk, `return`
/// when all of it did. No one can tell which.
pub const FSYNC: &str = "sqlite-fsync";

/// How a test wants the next fsync of a transaction to fail.
pub(crate) fn failing_fsync() -> Option<Lost> {
    fail::fail_point!(FSYNC, |how| Some(match how.as_deref() {
        Some("lost") => Lost::All,
        _ => Lost::Nothing,
    }));
    None
}

/// What a failed fsync has lost.
#[allow(dead_code, reason = "only failpoints make one")]
pub(crate) enum Lost {
    /// All of it.
    All,
    /// Nothing.
    Nothing,
}
