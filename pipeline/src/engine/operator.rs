//! The seam between a kind of job and everything that runs it.
//!
//! An operator is the pure core of one partition: its state is a function of (log, journal), and it
//! knows no clock, IO, threads or randomness. The runner reads, journals what is not in the log,
//! commits and recovers; it does so for every kind alike and looks at none from inside.
//!
//! A kind of job implements [`OperatorKind`], which makes operators and reads what they stored, and
//! [`Operator`]. Calls are per batch of messages, not per record, so dispatch costs nothing that
//! shows. Output stays in the operator until a commit takes it: in the order of the job's outputs,
//! with [`PartitionCommit::keyed`] for those whose rows find their partition by key.

use std::any::Any;
use std::fmt::Debug;

use seismic_queue::{Batch, Job, KeyedCut, Message, Offset, Partition, PartitionCommit};

use super::journal::{Entry, EntryError};
use super::redistribute_error::RedistributeError;
use super::snapshot_error::SnapshotError;

/// What a row of a keyed output was made of. It travels in the row, since the row's own place among
/// those of other tasks says nothing: `verify` tells by it whether each row is there, and once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowIdentity {
    /// Partition of the input.
    pub partition: Partition,
    /// Offset of the message in it.
    pub offset: Offset,
    /// Number of the record in the message, from 0.
    pub index: u32,
    /// Number of the row among those of that record and output, from 0.
    pub number: u32,
}

/// A kind of job with its semantics: what makes operators.
pub trait OperatorKind: Debug + Send + Sync {
    /// What is wrong with these semantics, or with the job's outputs for them.
    fn faults(&self, job: &Job) -> Vec<String>;

    /// Whether results depend on the append times of messages, so that producers must not set them.
    fn needs_append_times(&self) -> bool;

    /// An operator that has seen nothing and starts at `position` of the topic.
    fn start(&self, topic: &str, partition: Partition, position: Offset) -> Box<dyn Operator>;

    /// The journal entry with which such a job begins; `from` is the start that was asked for.
    fn start_entry(&self, from: String) -> Entry;

    /// An operator with the state of a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] for anything that [`Operator::snapshot`] of this kind did not write.
    fn restore(
        &self,
        state: &[u8],
        topic: &str,
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError>;

    /// In what the semantics of a note differ from these: names of options with both values.
    ///
    /// # Errors
    /// [`EntryError`] for anything that [`Operator::write_note`] of this kind did not write.
    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError>;

    /// The same of an operator that was restored.
    fn differences_of(&self, operator: &dyn Operator) -> Vec<String>;

    /// Rows that had been written to each output when the note was.
    ///
    /// # Errors
    /// As [`OperatorKind::differences_of_note`].
    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError>;

    /// The same for each partition of keyed outputs: rows that this task had written there.
    ///
    /// # Errors
    /// As [`OperatorKind::differences_of_note`].
    fn keyed_rows_of_note(&self, _note: &[u8]) -> Result<Vec<KeyedCut>, EntryError> {
        Ok(Vec::new())
    }

    /// What a row of the keyed output at `place` was made of; `None` when it does not say.
    fn identity(&self, _place: usize, _row: &[u8]) -> Option<RowIdentity> {
        None
    }

    /// Moves state between the operators of all partitions after some were added to the input, which
    /// had `before` of them.
    ///
    /// # Errors
    /// When that would change results.
    fn redistribute(
        &self,
        operators: Vec<&mut dyn Operator>,
        before: u32,
    ) -> Result<(), RedistributeError>;
}

/// The pure core of one partition.
pub trait Operator: Any + Debug + Send {
    /// The partition it works on.
    fn partition(&self) -> Partition;

    /// Next offset expected: every message before it has had its effect.
    fn position(&self) -> Offset;

    /// Applies all messages of a batch.
    ///
    /// # Panics
    /// When one lies before [`Operator::position`]: a log only moves forward.
    fn apply_batch(&mut self, batch: &Batch);

    /// Applies one message.
    ///
    /// # Panics
    /// As [`Operator::apply_batch`].
    fn apply_message(&mut self, message: Message<'_>);

    /// Continues at `to`, unless it is further already: the log has no message before it.
    fn pass(&mut self, to: Offset);

    /// Continues at `to` after a loss that was accepted: the messages before it are gone.
    ///
    /// # Panics
    /// When `to` lies before [`Operator::position`].
    fn gap(&mut self, to: Offset);

    /// Closes what has had no message at or after `below`. Whether there was something, which is then
    /// journaled.
    fn close_idle(&mut self, below: Offset) -> bool;

    /// Closes everything: the run is drained. Whether there was something, which is then journaled.
    fn drain(&mut self) -> bool;

    /// Does what was done when the entry was written. An operator with entries of its own overrides
    /// this, and leaves the common ones to [`apply_common`].
    ///
    /// # Errors
    /// [`EntryError::Damaged`] when it cannot have happened at the position;
    /// [`EntryError::Rescaled`] for what one partition alone does not know.
    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError>;

    /// Appends the whole state to `into`.
    fn snapshot(&self, into: &mut Vec<u8>);

    /// Writes the note beside a position into `into`, which is cleared first: the semantics and the
    /// counts that a restart checks and `status` shows.
    fn write_note(&self, into: &mut Vec<u8>);

    /// Whether it has counted what the note says.
    ///
    /// # Errors
    /// Its own counts and those of the note, as text.
    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)>;

    /// Whether every record that was read is accounted for in exactly one place.
    fn is_balanced(&self) -> bool;

    /// Records read so far.
    fn records_read(&self) -> u64;

    /// Rows written to each output so far.
    fn rows(&self) -> Vec<u64>;

    /// Rows written to each partition of keyed outputs so far.
    fn keyed_rows(&self) -> Vec<KeyedCut> {
        Vec::new()
    }

    /// Keys that it has state of: sensors, where it makes windows.
    fn keys(&self) -> u64;

    /// What is open and waits for more: windows, where it makes windows.
    fn open(&self) -> u64;

    /// Number of the input's partitions when some were added last.
    fn rescaled_to(&self) -> Option<u32>;

    /// What a person should be told once a run, if there is something.
    fn alarm(&self) -> Option<String>;

    /// Bytes of output that wait.
    fn waiting_bytes(&self) -> usize;

    /// Moves the output that waits into a commit, whose blocks are empty, and takes their memory.
    fn move_output(&mut self, commit: &mut PartitionCommit);

    /// Throws away the output that waits, as a replay does.
    fn discard_output(&mut self);
}

/// Applies an entry of the journal that is common to all kinds of job.
///
/// # Errors
/// As [`Operator::apply_entry`].
pub fn apply_common(entry: &Entry, operator: &mut dyn Operator) -> Result<(), EntryError> {
    let position = operator.position();
    match entry {
        // The operator was made from it, or from the snapshot beside it.
        Entry::Start { .. } | Entry::Fork { .. } => {}
        Entry::Idle { below, .. } if *below <= position => {
            operator.close_idle(*below);
        }
        Entry::End => {
            operator.drain();
        }
        Entry::Gap { to, .. } if *to >= position => operator.gap(*to),
        Entry::Rescaled { .. } => return Err(EntryError::Rescaled),
        Entry::Idle { .. } | Entry::Gap { .. } => {
            let what = format!("{entry:?} cannot have happened at offset {position}");
            return Err(EntryError::Damaged(what));
        }
    }
    Ok(())
}
