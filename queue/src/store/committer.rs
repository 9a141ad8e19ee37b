//! Committing: the connection of one slot to its store.

use super::{Commit, FencingToken, Recovered};
use crate::{CommitError, Partition, Result};

/// One slot's way into its store.
pub trait Committer: Send {
    /// What is known of the partitions, after settling any commit of unknown outcome.
    fn load(&mut self, token: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>>;

    /// Makes the commit: all of it, durable and visible, or nothing.
    ///
    /// Checked inside the atomic act: the epoch, and that every partition's `number` is the stored
    /// one plus one and its `next` and journal sequences continue from what is stored.
    ///
    /// # Errors
    /// See [`CommitError`]: the variant says what the slot must do.
    fn commit(
        &mut self,
        token: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError>;
}
