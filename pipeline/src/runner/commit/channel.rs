//! The seam between a slot and its committer; a simulation substitutes its own scheduler here.

use std::time::Duration;

use seismic_queue::{Commit, CommitError, FencingToken, Partition, Recovered};

use crate::Result;

/// A commit that came back, with its outcome.
pub type Committed = (Commit, std::result::Result<(), CommitError>);

/// The way from a slot to its committer. One commit is under way at a time; errors that leave no
/// hope for it come as errors, outcomes of a commit as [`Committed`].
pub trait CommitChannel {
    /// Loads what is known of the partitions; waits for the answer.
    fn load(&mut self, token: FencingToken, partitions: Vec<Partition>) -> Result<Vec<Recovered>>;

    /// Hands a commit over; [`CommitChannel::poll_outcome`] gives it back.
    fn commit(&mut self, token: FencingToken, commit: Commit) -> Result<()>;

    /// Whether a commit is under way.
    fn is_busy(&self) -> bool;

    /// The commit that was under way, once it is done; waits up to `wait` for it.
    fn poll_outcome(&mut self, wait: Duration) -> Result<Option<Committed>>;
}
