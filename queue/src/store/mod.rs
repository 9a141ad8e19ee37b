//! The seam of a store: the transactional store of one job.
//!
//! A store holds the topics of the job's outputs, the progress, journal and checkpoints of every
//! partition, and the positions of its sinks, which read the first output.
//! Everything a [`Commit`] carries becomes visible and durable in one atomic act or not at all:
//! that is the whole of exactly-once. What `note` and `state` mean is the pipeline's business.

mod checkpoint;
mod commit;
mod fencing;
mod job;
mod outputs;
mod recovered;
mod rewind;
mod view;

use std::ops::Range;

pub use checkpoint::{Checkpoint, CheckpointInfo, CheckpointRequest, Chunk, Manifest};
pub use commit::{Commit, JournalEntry, PartitionCommit};
pub use fencing::{FencingToken, Proof};
pub use job::Job;
pub use outputs::{KeyedBlock, KeyedCut, OutputSpec, OutputView, PartitionBy};
pub use recovered::{Progress, Recovered};
pub use rewind::Rewind;
pub use view::{PartitionView, SinkPosition, View};

use crate::{CommitError, Error, GroupMember, Member, Offset, Partition, Queue, Result};

/// The store of one job. Looking in needs no ownership and may go on beside the running job.
pub trait JobStore: Send + Sync {
    /// What to call it in messages.
    fn name(&self) -> String;

    /// Takes the store for `job`, makes what is missing, and keeps others out until the owner and
    /// all its committers are dropped or the process ends.
    ///
    /// # Errors
    /// [`Error::Owned`] naming the process that has it;
    /// [`Error::JobDiffers`] when it belongs to another job.
    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>>;

    /// As [`JobStore::acquire`], for a job whose input has got partitions since: its topics get them too. The
    /// first commit must have all partitions, and only with it the job is one of so many.
    ///
    /// # Errors
    /// [`Error::NoWidening`] where a store cannot do that,
    /// [`Error::Owned`] while anybody works on the job.
    fn rescale(&self, _job: &Job) -> Result<Box<dyn Lease>> {
        Err(Error::NoWidening { at: self.name() })
    }

    /// Everything but rows, journal entries and snapshots, as one commit left it.
    ///
    /// # Errors
    /// [`Error::StoreMissing`] when no job was ever run here.
    fn view(&self) -> Result<View>;

    /// Journal entries of a partition with a sequence in `range`, in order: those of
    /// [`PartitionView::journal`] are what one commit left.
    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>>;

    /// The checkpoint of that number, read and checked.
    ///
    /// # Errors
    /// [`Error::CheckpointMissing`], or
    /// [`Error::Corrupt`] when a chunk is missing or fails its CRC.
    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint>;

    /// Who owns it now, as text for people; `None`: nobody does.
    fn leased_by(&self) -> Result<Option<String>>;

    /// Who works on the job now, where several workers share it; `None`: one owner has all of it.
    fn members(&self) -> Result<Option<Vec<GroupMember>>> {
        Ok(None)
    }

    /// Asks the running job for a checkpoint of that name: every partition is to take one and
    /// answer in the commit of its manifest. Until all have, the name is not whole.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::NameTaken`],
    /// [`Error::TooManyNames`].
    fn request_checkpoint(&self, name: &str) -> Result<()>;

    /// What is asked for and not answered by all, asked often and so without much cost.
    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>>;

    /// Takes back what was asked for, with the answers so far; `None` when nobody asks for it: it
    /// was never asked, or is whole.
    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>>;

    /// Names the newest checkpoint of every partition, in one act.
    ///
    /// # Errors
    /// As [`JobStore::request_checkpoint`], and [`Error::NothingToName`].
    fn name_newest_checkpoint(&self, name: &str) -> Result<()>;

    /// Forgets a name, and the checkpoints that nothing else keeps.
    ///
    /// # Errors
    /// [`Error::NameMissing`].
    fn delete_checkpoint_name(&self, name: &str) -> Result<()>;

    /// The topics of the store, for reading. Appending to them is the committer's right alone.
    fn topics(&self) -> &dyn Queue;

    /// Stores how far a sink has come, so that retention waits for it.
    fn put_sink_position(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()>;

    /// Stores what a sink must remember besides its position and cannot keep where its rows are. It
    /// replaces what the sink stored under the same key, and is durable when this returns. At most
    /// 64 KiB; what it means is the sink's business.
    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()>;

    /// What a sink stored last under a key.
    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>>;
}

/// The right to commit to a store.
pub trait Lease: Send + Sync {
    /// A committer for one slot, whose claim is [`FencingToken::Sole`]. Commits of several are merged where the
    /// backend can. Where several owners share a job, for the one commit that begins it, in which all
    /// partitions are.
    fn committer(&self) -> Result<Box<dyn Committer>>;

    /// As whom the slot of that index reads, where several owners share a job; `None` where all
    /// partitions belong to this one.
    fn member(&self, _index: usize) -> Result<Option<Member>> {
        Ok(None)
    }

    /// The committer of a member.
    fn committer_of(&self, _member: &Member) -> Result<Box<dyn Committer>> {
        self.committer()
    }

    /// Committed position of every partition, where several owners share a job: what this one cannot
    /// know of itself. Empty where they do not.
    fn positions(&self) -> Result<Vec<Option<Offset>>> {
        Ok(Vec::new())
    }

    /// Where a job begins that several owners share: what the first of them said, with an offset
    /// for each partition.
    fn agree_on_start(&self, from: &str, starts: &[Offset]) -> Result<(String, Vec<Offset>)> {
        Ok((from.to_owned(), starts.to_vec()))
    }

    /// Lets go of what nobody needs any more, where commits do not do it. Asked now and then.
    fn housekeep(&self) -> Result<()> {
        Ok(())
    }

    /// Forgets journal entries before `below`: the log before it is gone and no checkpoint needs
    /// them.
    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()>;

    /// Sets partitions back to checkpoints, all in one act: the rows and dead letters after them,
    /// the journal entries and the checkpoints go, and so does a name that one of these had. Offsets
    /// that were used are never used again. No committer may be at work.
    ///
    /// # Errors
    /// [`Error::SinkBeyond`] when a sink has rows that would go;
    /// [`Error::CheckpointMissing`];
    /// [`Error::OutOfOrder`] when something was committed meanwhile.
    fn rewind(&self, back: &[Rewind]) -> Result<()>;
}

/// One slot's way into its store.
pub trait Committer: Send {
    /// What is known of the partitions, after settling any commit of unknown outcome.
    fn load(&mut self, token: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>>;

    /// Makes the commit: all of it, durable and visible, or nothing.
    ///
    /// Checked inside the atomic act: the epoch, and that every partition's `number` is the stored
    /// one plus one and its `next` and journal sequences go on from what is stored.
    ///
    /// # Errors
    /// See [`CommitError`]: the variant says what the slot must do.
    fn commit(
        &mut self,
        token: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError>;
}
