//! The seam between a kind of job and everything that runs it.
//!
//! An operator is the pure core of one partition: its state is a function of (log, journal), and it
//! knows no clock, IO, threads or randomness. The runner reads, journals what is not in the log,
//! commits and recovers; it does so for every kind in the same way and never looks inside one.
//!
//! A kind of job implements [`OperatorKind`], which makes operators and reads what they stored, and
//! [`Operator`]. Calls are per batch of messages, not per record, so the cost of dynamic dispatch
//! is not measurable. Output stays in the operator until a commit takes it: in the order of the
//! job's outputs, with [`PartitionCommit::keyed`] for those whose rows find their partition by key.
//!
//! Inputs are named by their place in the job, from 0. The journal records the order in which
//! messages of several inputs were applied, so that a replay applies them in the same order. An
//! operator that has several must treat a batch as it would treat its messages one by one.

use std::any::Any;
use std::fmt::{self, Debug};

use seismic_queue::{
    Batch, Block, Fingerprint, Job, KeyedCut, Message, Offset, Partition, PartitionCommit, Topic,
};

use super::alignment::Alignment;
use super::clock_step::ClockStep;
use super::journal::{Entry, EntryError};
use super::loss_reader::LossReader;
use super::redistribute_error::RedistributeError;
use super::row_reader::RowReader;
use super::snapshot_error::SnapshotError;
use super::state_reader::StateReader;

/// What a row of a keyed output was made of. It travels in the row, since the row's own place among
/// those of other tasks says nothing: `verify` tells by it whether each row is there, and once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowIdentity {
    /// Place of the input.
    pub input: usize,
    /// Partition of the input.
    pub partition: Partition,
    /// Offset of the message in it.
    pub offset: Offset,
    /// Number of the record in the message, from 0.
    pub index: u32,
    /// Number of the row among those of that record and output, from 0.
    pub number: u32,
}

impl fmt::Display for RowIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RowIdentity { input, partition, offset, index, number } = self;
        write!(f, "row {number} of record {index} of message {offset} of input {input}/{partition}")
    }
}

/// A kind of job with its semantics: what makes operators.
pub trait OperatorKind: Debug + Send + Sync {
    /// Name of the kind, which the job's journal and notes say.
    fn name(&self) -> &'static str;

    /// The semantics as bytes, for the entry of the journal with which such a job begins.
    fn semantics(&self) -> Vec<u8>;

    /// What is wrong with these semantics, or with the job's inputs and outputs for them.
    fn faults(&self, job: &Job) -> Vec<String>;

    /// Whether results depend on the append times of messages, so that producers must not set them.
    fn needs_append_times(&self) -> bool;

    /// An operator that has seen nothing and starts at these offsets, one of each input.
    fn start(&self, inputs: &[Topic], partition: Partition, at: &[Offset]) -> Box<dyn Operator>;

    /// An operator with the state of a snapshot.
    ///
    /// # Errors
    /// [`SnapshotError`] for anything that [`Operator::snapshot`] of this kind did not write.
    fn restore(
        &self,
        state: &[u8],
        inputs: &[Topic],
        partition: Partition,
    ) -> Result<Box<dyn Operator>, SnapshotError>;

    /// In what the semantics of a note differ from these: names of options with both values.
    ///
    /// # Errors
    /// [`EntryError`] for anything that [`Operator::write_note`] of this kind did not write.
    fn differences_of_note(&self, note: &[u8]) -> Result<Vec<String>, EntryError>;

    /// The same of an operator that was restored.
    fn differences_of(&self, operator: &dyn Operator) -> Vec<String>;

    /// The kind with the semantics that a note says, for a proof: these may be others than its own.
    /// `None` where a proof needs its own ones.
    ///
    /// # Errors
    /// As [`OperatorKind::differences_of_note`].
    fn of_note(&self, _note: &[u8]) -> Result<Option<Box<dyn OperatorKind>>, EntryError> {
        Ok(None)
    }

    /// Rows that had been written to each output when the note was.
    ///
    /// # Errors
    /// As [`OperatorKind::differences_of_note`].
    fn rows_of_note(&self, note: &[u8]) -> Result<Vec<u64>, EntryError>;

    /// The last message that had had its effect when the note was written, as far as it says.
    ///
    /// # Errors
    /// As [`OperatorKind::differences_of_note`].
    fn delivered_of_note(&self, _note: &[u8]) -> Result<Option<Fingerprint>, EntryError> {
        Ok(None)
    }

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

    /// Calls `take` with each row that a stored message of the keyed output at `place` holds. They
    /// are what a proof compares, however many share a message.
    fn each_row(&self, _place: usize, stored: &[u8], take: &mut dyn FnMut(&[u8])) {
        take(stored);
    }

    /// Reads rows of the outputs that follow the input, where they say by what they are known.
    fn row_reader(&self) -> Option<&'static dyn RowReader> {
        None
    }

    /// Reads rows and dead letters for what is reported about losses, where the kind has both.
    fn loss_reader(&self) -> Option<&'static dyn LossReader> {
        None
    }

    /// Reads what a checkpoint says about keys, where keys have clocks.
    fn state_reader(&self) -> Option<&'static dyn StateReader> {
        None
    }

    /// How far records of one key may be out of order in event time, ms. With the idle timeout it
    /// says how close records in two partitions are when they belong in one result.
    fn lateness_ms(&self) -> i64 {
        0
    }

    /// Newest event time, ms, among what a row of the first output was made of, so that a running
    /// job can say how old its results are. `None` where rows have none.
    fn event_ms_of(&self, _row: &[u8]) -> Option<i64> {
        None
    }

    /// Inputs of the kind's own that an operator has not had, such as a newer version of a table.
    /// The runner asks before each batch, and with several inputs also between; it journals each as
    /// [`Entry::Own`], and applies it; one
    /// whose commit was lost is missing in the operator again, and is offered again.
    fn own_entries(&self, _operator: &dyn Operator) -> Vec<Vec<u8>> {
        Vec::new()
    }

    /// How the partitions of its job are read in step with each other; `None`: each as fast as it
    /// can be. A job that asks for it cannot be taken back to a checkpoint or forked, since its
    /// rows are not those of one task.
    fn alignment(&self) -> Option<Alignment> {
        None
    }

    /// Moves state between the operators of all partitions after some were added to the input,
    /// which had `before` of them.
    ///
    /// # Errors
    /// When this would change results.
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

    /// How many inputs it has.
    fn inputs(&self) -> usize {
        1
    }

    /// Next offset expected of an input: every message before it has had its effect.
    fn next(&self, input: usize) -> Offset;

    /// Where it stands, as one number that moves on with every message: the sum of the next offsets
    /// of its inputs.
    fn position(&self) -> Offset {
        Offset((0..self.inputs()).map(|input| self.next(input).0).sum())
    }

    /// Applies all messages of a batch of an input.
    ///
    /// # Panics
    /// When one lies before [`Operator::next`]: a log only moves forward.
    fn apply_batch(&mut self, input: usize, batch: &Batch);

    /// Applies one message of an input.
    ///
    /// # Panics
    /// As [`Operator::apply_batch`].
    fn apply_message(&mut self, input: usize, message: Message<'_>);

    /// Continues at `to` in an input, unless it is further already: the log has no message before
    /// it.
    fn pass(&mut self, input: usize, to: Offset);

    /// Continues at `to` in an input after a loss that was accepted: the messages before it are
    /// gone.
    ///
    /// # Panics
    /// When `to` lies before [`Operator::next`].
    fn gap(&mut self, input: usize, to: Offset);

    /// Whether an input is not to be read on for now, since what was read of it waits for another
    /// input. Results do not depend on it; an operator that changes it does so by an entry of its own.
    fn is_held(&self, _input: usize) -> bool {
        false
    }

    /// Closes what has had no message of that input at or after `below`. Whether that changed
    /// something, which is then journaled.
    fn close_idle(&mut self, input: usize, below: Offset) -> bool;

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

    /// Has notes say from now on that this was the last message.
    fn set_delivered(&mut self, _last: Fingerprint) {}

    /// Whether it has counted what the note says.
    ///
    /// # Errors
    /// Its own counts and those of the note, as text.
    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)>;

    /// Whether every record that was read is accounted for in exactly one place.
    fn is_balanced(&self) -> bool;

    /// Why it cannot go on with what it has applied last, if so: nothing of that is committed, and the
    /// job stops with these words.
    fn failure(&self) -> Option<String> {
        None
    }

    /// Records read so far.
    fn records_read(&self) -> u64;

    /// Rows written to each output so far.
    fn rows(&self) -> Vec<u64>;

    /// Rows written to each partition of keyed outputs so far.
    fn keyed_rows(&self) -> Vec<KeyedCut> {
        Vec::new()
    }

    /// Keys that it has state of, such as sensors.
    fn keys(&self) -> u64;

    /// Calls `see` with each key from the one numbered `from` on. Keys are numbered in the order in
    /// which they were first seen, and none is ever forgotten.
    fn keys_from(&self, _from: u64, _see: &mut dyn FnMut(&str)) {}

    /// Two event times, ms, at which the key had a record, as far apart as is known: that of its
    /// first record, or its newest one at the start, and that of its newest. `None` for a key that
    /// is not known, or where keys have no event time.
    fn event_times_of(&self, _key: &str) -> Option<(i64, i64)> {
        None
    }

    /// Records of the key in what is open.
    fn open_records_of(&self, _key: &str) -> u64 {
        0
    }

    /// Takes the steps of keys' clocks since the last call, as far as they are remembered, and
    /// their number. They are for people, and no part of the state.
    fn take_steps(&mut self) -> (Vec<ClockStep>, u64) {
        (Vec::new(), 0)
    }

    /// How much is open and waits for more records, such as windows.
    fn open(&self) -> u64;

    /// Number of the input's partitions when some were added last.
    fn rescaled_to(&self) -> Option<u32>;

    /// What a person should be told once a run, if there is something.
    fn alarm(&self) -> Option<String>;

    /// Bytes of output that wait.
    fn waiting_bytes(&self) -> usize;

    /// Moves the output that waits into a commit, whose blocks are empty, and takes their memory.
    fn move_output(&mut self, commit: &mut PartitionCommit);

    /// Gives the rows of keyed outputs that wait to `take`, with the place of their output and the
    /// partition, and keeps none. Called after each batch where [`OperatorKind::alignment`] asks
    /// for it, and never else.
    fn move_keyed(&mut self, _take: &mut dyn FnMut(usize, Partition, &Block)) {}

    /// Throws away the output that waits, as a replay does.
    fn discard_output(&mut self);
}

/// Applies an entry of the journal that is common to all kinds of job.
///
/// # Errors
/// As [`Operator::apply_entry`].
pub fn apply_common(entry: &Entry, operator: &mut dyn Operator) -> Result<(), EntryError> {
    let next = |operator: &dyn Operator, input: usize| {
        (input < operator.inputs()).then(|| operator.next(input))
    };
    match entry {
        // The operator was made from it, or from the snapshot beside it.
        Entry::Start { .. } | Entry::Fork { .. } => {}
        Entry::Idle { input, below, .. }
            if next(operator, *input).is_some_and(|next| *below <= next) =>
        {
            operator.close_idle(*input, *below);
        }
        Entry::End => {
            operator.drain();
        }
        Entry::Gap { input, to, .. } if next(operator, *input).is_some_and(|next| *to >= next) => {
            operator.gap(*input, *to);
        }
        Entry::Rescaled { .. } => return Err(EntryError::Rescaled),
        Entry::Idle { .. } | Entry::Gap { .. } => {
            let what = format!("{entry:?} cannot have happened at offset {}", operator.position());
            return Err(EntryError::Damaged(what));
        }
        Entry::Run { .. } => {
            let what = "it says in which order inputs were read, and is of no such job";
            return Err(EntryError::Damaged(what.to_owned()));
        }
        Entry::Own(_) => {
            let what = "it is of another kind of job";
            return Err(EntryError::Damaged(what.to_owned()));
        }
    }
    Ok(())
}
