//! The seam of a store: the transactional store of one job.
//!
//! A store holds the topics of the job's outputs, the progress, journal and checkpoints of every
//! partition, the versions of tables that it looks things up in, and the positions of its sinks, which
//! read its outputs. Everything a [`Commit`]
//! carries becomes visible and durable atomically or not at all: this is the basis of exactly-once.
//! `note` and `state` are opaque here; the pipeline defines them.

mod checkpoint;
mod checkpoint_names;
mod commit;
mod committer;
mod fencing;
mod job;
mod last_row;
mod lease;
mod lost_offset;
mod outputs;
mod recovered;
mod rewind;
mod scaling_lease;
mod sink_state;
mod table_versions;
mod view;

use std::ops::Range;
use std::time::Duration;

pub use checkpoint::{Checkpoint, CheckpointInfo, CheckpointRequest, Chunk, Manifest};
pub use checkpoint_names::CheckpointNames;
pub use commit::{Commit, JournalEntry, PartitionCommit};
pub use committer::Committer;
pub use fencing::{FencingToken, Proof};
pub use job::Job;
pub use last_row::LastRow;
pub use lease::{Lease, SharedLease};
pub use lost_offset::LostOffset;
pub use outputs::{KeyedBlock, KeyedCut, OutputSpec, OutputView, PartitionBy};
pub use recovered::{Progress, Recovered};
pub use rewind::Rewind;
pub use scaling_lease::{ScalingLease, ScalingNote};
pub use sink_state::SinkState;
pub use table_versions::{TableVersion, TableVersions};
pub use view::{PartitionView, SinkPosition, View};

use crate::{GroupMember, Partition, Queue, Result};

/// The store of one job. Reading it needs no lease, and works while the job runs.
///
/// No method has a default, so that a wrapper cannot forget to forward one.
pub trait JobStore: CheckpointNames + SinkState + TableVersions + Send + Sync {
    /// The name that messages give it.
    fn name(&self) -> String;

    /// Leases the store for `job`, makes what is missing, and keeps others out until the lease and
    /// all its committers are dropped or the process ends.
    ///
    /// # Errors
    /// [`Error::Owned`](crate::Error::Owned), which names the process that has it;
    /// [`Error::JobDiffers`](crate::Error::JobDiffers) when it belongs to another job.
    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>>;

    /// As [`JobStore::acquire`], for a job to whose input partitions were added: its topics get
    /// them too. The first commit must have all partitions, and only with it does the job have the
    /// new number of them.
    ///
    /// # Errors
    /// [`Error::CannotRescale`](crate::Error::CannotRescale) where a store cannot do that,
    /// [`Error::Owned`](crate::Error::Owned) while anyone works on the job.
    fn rescale(&self, job: &Job) -> Result<Box<dyn Lease>>;

    /// Everything but rows, journal entries and snapshots, as one commit left it.
    ///
    /// # Errors
    /// [`Error::StoreMissing`](crate::Error::StoreMissing) when no job ever ran here.
    fn view(&self) -> Result<View>;

    /// Journal entries of a partition with a sequence in `range`, in order: those of
    /// [`PartitionView::journal`] are what one commit left.
    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>>;

    /// The checkpoint of that number, read and checked.
    ///
    /// # Errors
    /// [`Error::CheckpointMissing`](crate::Error::CheckpointMissing), or
    /// [`Error::Corrupt`](crate::Error::Corrupt) when a chunk is missing or fails its CRC.
    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint>;

    /// Who has the lease now, as text for people; `None`: no one has.
    fn leased_by(&self) -> Result<Option<String>>;

    /// The slots that work on the job now, where several workers share it; `None`: one owner has
    /// all of it.
    fn members(&self) -> Result<Option<Vec<GroupMember>>>;

    /// The right to decide how many workers the job has, which is not taken by this; `None`: one owner
    /// has all of it, and decides that, too.
    ///
    /// # Errors
    /// [`Error::StoreMissing`](crate::Error::StoreMissing) when no job ever ran here.
    fn scaling_lease(&self) -> Result<Option<Box<dyn ScalingLease>>>;

    /// The topics of the store, for reading. Only committers append to them.
    fn topics(&self) -> &dyn Queue;

    /// Partitions whose committed position is not that of the job's last commit: where positions
    /// are kept apart from what was committed with them, a tool may have set them, or they were
    /// forgotten.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn lost_offsets(&self) -> Result<Vec<LostOffset>>;

    /// Puts such positions back to the last commit.
    ///
    /// # Errors
    /// [`Error::Owned`](crate::Error::Owned) while someone works on the job.
    fn put_offsets_back(&self, lost: &[LostOffset]) -> Result<()>;

    /// How long the positions of a job are kept on which no one works; `None`: forever.
    ///
    /// # Errors
    /// When that cannot be asked.
    fn rests_for(&self) -> Result<Option<Duration>>;
}
