//! The right to commit to a store, and its extension for jobs shared by several workers.

use super::{Committer, Rewind};
use crate::{Member, Offset, Partition, Result};

/// The right to commit to a store.
///
/// No method has a default, so that a wrapper cannot forget to forward one.
pub trait Lease: Send + Sync {
    /// A committer for one slot, whose token is [`FencingToken::Sole`](crate::FencingToken::Sole).
    /// Commits of several are merged where the backend can. Where several workers share a job, it
    /// is for the one commit that begins the job and has all partitions.
    fn committer(&self) -> Result<Box<dyn Committer>>;

    /// What several workers that share the job agree on; `None` where one owner has all partitions.
    fn shared(&self) -> Option<&dyn SharedLease>;

    /// Whether the topics of the outputs are still those that were there when the lease was taken,
    /// where they can be others without the store being another one. Cheap; running jobs ask every
    /// second.
    ///
    /// # Errors
    /// [`Error::OutputRemade`](crate::Error::OutputRemade).
    fn check_outputs(&self) -> Result<()>;

    /// Deletes what no one needs any more, where commits do not do that. Called now and then.
    fn housekeep(&self) -> Result<()>;

    /// Deletes journal entries before `below`: the log before it is gone and no checkpoint needs
    /// them.
    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()>;

    /// Sets partitions back to checkpoints, all in one act: the rows and dead letters after them,
    /// the journal entries and the checkpoints go, and so does a name that one of these had.
    /// Offsets that were used are never used again. No committer may be at work.
    ///
    /// # Errors
    /// [`Error::SinkBeyond`](crate::Error::SinkBeyond) when a sink has rows that would go;
    /// [`Error::CheckpointMissing`](crate::Error::CheckpointMissing);
    /// [`Error::OutOfOrder`](crate::Error::OutOfOrder) when something was committed meanwhile.
    fn rewind(&self, back: &[Rewind]) -> Result<()>;
}

/// The lease of a worker among several that share a job.
pub trait SharedLease: Send + Sync {
    /// As whom the slot of that index, of that many of this worker, reads.
    fn member(&self, index: usize, slots: usize) -> Result<Member>;

    /// The committer of a member.
    fn committer_of(&self, member: &Member) -> Result<Box<dyn Committer>>;

    /// Committed position of every partition, of one input after the other: a worker knows only
    /// those of its own.
    fn positions(&self) -> Result<Vec<Option<Offset>>>;

    /// As [`SharedLease::positions`], asked once and given up within some seconds: for a caller
    /// that asks again soon, and must not hold up a stop.
    fn positions_now(&self) -> Result<Vec<Option<Offset>>>;

    /// Where the job begins: what the first worker that called this said, with an offset for each
    /// partition, of one input after the other.
    fn agree_on_start(&self, from: &str, starts: &[Offset]) -> Result<(String, Vec<Offset>)>;
}
