//! Named places of the loop at which a test can make a slot fail or its process die, like those of
//! [`seismic_queue::failpoints`].

use crate::Result;

/// Messages are there, none has had its effect.
pub const AFTER_POLL: &str = "slot-after-poll";
/// The engine has taken a batch, nothing of it is handed over.
pub const AFTER_STEP: &str = "slot-after-step";
/// Everything that waits is in a commit that is not handed over.
pub const BEFORE_COMMIT: &str = "slot-before-commit";
/// The slot knows that its commit is made.
pub const AFTER_COMMIT: &str = "slot-after-commit";
/// A snapshot is taken, nothing of it is handed over.
pub const SNAPSHOT_TAKEN: &str = "snapshot-taken";
/// A message is about to be done again at a start.
pub const REPLAY: &str = "replay";

/// The group takes partitions away, and the last commit for them is made. Where workers share a
/// job.
pub const REVOKED: &str = "slot-revoked";

/// The file watch is about to check that files and input are still the same.
pub const LOOK: &str = "look";

/// What is done now and then where workers share a job is due at every look: `return`.
pub const HOUSEKEEPING_DUE: &str = "housekeeping-due";

/// All places of a slot that every job passes.
pub const ALL: [&str; 6] =
    [AFTER_POLL, AFTER_STEP, BEFORE_COMMIT, AFTER_COMMIT, SNAPSHOT_TAKEN, REPLAY];

/// Passes the place `name`.
pub(crate) fn pass(name: &'static str) -> Result<()> {
    Ok(seismic_queue::failpoints::pass("slot", name)?)
}
