//! Named places of this backend, in addition to those of all backends
//! ([`seismic_queue::failpoints`]), at which a test can make a commit fail or the process die.

use seismic_queue::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION};

/// A client that commits is about to end what the one before it left.
pub const COMMIT_OPENING: &str = "commit-opening";
/// All messages of a commit have arrived, its offsets are not sent.
pub const COMMIT_SENT: &str = "commit-sent";

/// Places where a worker that commits may be killed.
pub const COMMITTING: [&str; 5] =
    [COMMIT_OPENING, COMMIT_BEFORE, COMMIT_SENT, COMMIT_IN_TRANSACTION, COMMIT_AFTER];
