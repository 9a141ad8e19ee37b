//! Restores an operator at the committed position from the store. Runs at every start.
//!
//! It restores the newest snapshot and applies the messages from its position to the committed one,
//! and the journal entries up to and including that position, each before the message at its
//! position. Rows are discarded, since they are committed already. At the end the counters must
//! equal those of the last commit: this checks that the operator is deterministic.
//!
//! With one input the messages are those that the slot reads anyway. With several, the journal says
//! which messages of which input come next, so they are read here, one run after the other.

pub(crate) mod input_logs;

use std::collections::VecDeque;

use seismic_queue::{Error as QueueError, Message, Offset, Partition, Progress, Recovered, Topic};

use crate::engine::journal::{Entry, EntryError, beginning};
use crate::engine::kind_note;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::replay::input_logs::InputLogs;
use crate::{Error, Result, failpoints};

/// What is left to replay of one partition.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The committed position.
    until: Offset,
    journal: VecDeque<(u64, Offset, Entry)>,
    /// The note of the last commit.
    note: Vec<u8>,
    messages: u64,
}

impl Replay {
    /// The operator as of the newest snapshot (or the start of the journal), and what is to be
    /// replayed.
    ///
    /// # Errors
    /// Everything that makes the stored state unusable for the kind of job.
    pub fn prepare(
        recovered: &Recovered,
        inputs: &[Topic],
        kind: &dyn OperatorKind,
    ) -> Result<(Box<dyn Operator>, Replay)> {
        let NewestState { progress, note, mut operator, journal } =
            newest_state(recovered, inputs, kind)?;
        let until = progress.next;
        let mut replay = Replay { until, journal, note, messages: 0 };
        replay.pass_losses(&mut *operator)?;
        Ok((operator, replay))
    }

    /// Applies what stands in the journal at the engine's own position, so that it asks the log for
    /// nothing that was gone already when the loss was accepted.
    fn pass_losses(&mut self, operator: &mut dyn Operator) -> Result<()> {
        loop {
            let position = operator.position();
            self.apply_until(position.min(self.until), operator)?;
            if operator.position() == position {
                return Ok(());
            }
        }
    }

    /// Messages replayed so far.
    pub fn messages(&self) -> u64 {
        self.messages
    }

    /// Whether the message at `offset` has had its effect before and must be replayed. Journal
    /// entries at or before it are applied.
    pub fn covers(&mut self, offset: Offset, operator: &mut dyn Operator) -> Result<bool> {
        self.apply_until(offset.min(self.until), operator)?;
        Ok(offset < self.until)
    }

    /// Does the message again. One that lies in an accepted loss was never done: the log was
    /// restored to an older state since.
    pub fn step(&mut self, message: Message<'_>, operator: &mut dyn Operator) {
        if message.offset < operator.position() {
            return;
        }
        operator.apply_message(0, message);
        self.messages += 1;
        operator.discard_output();
    }

    /// Whether everything was replayed, with nothing left in the log before `position`; applies
    /// what is left of the journal and checks the counters.
    pub fn is_over(&mut self, position: Offset, operator: &mut dyn Operator) -> Result<bool> {
        if position < self.until {
            return Ok(false);
        }
        self.apply_until(self.until, operator)?;
        operator.pass(0, self.until);
        if let Some((sequence, at, _)) = self.journal.front() {
            let what = format!("it is at offset {at}, beyond the position {}", self.until);
            return Err(Error::Entry {
                partition: operator.partition(),
                sequence: *sequence,
                source: EntryError::Damaged(what),
            });
        }
        if let Err((replayed, committed)) = operator.check_note(&self.note) {
            let (partition, position) = (operator.partition(), self.until);
            return Err(Error::ReplayDiffers { partition, position, replayed, committed });
        }
        Ok(true)
    }

    fn apply_until(&mut self, at: Offset, operator: &mut dyn Operator) -> Result<()> {
        let partition = operator.partition();
        while let Some((sequence, entry_at, entry)) =
            self.journal.pop_front_if(|(_, entry_at, _)| *entry_at <= at)
        {
            operator.pass(0, entry_at);
            operator.apply_entry(&entry).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
            operator.discard_output();
        }
        Ok(())
    }
}

/// A journal as far as it is to be replayed: sequences, positions, entries.
type Journal = VecDeque<(u64, Offset, Entry)>;

/// From what a replay begins, and where it ends.
struct NewestState<'a> {
    progress: &'a Progress,
    /// As the kind wrote it.
    note: Vec<u8>,
    /// As of the newest snapshot, or the start of the journal.
    operator: Box<dyn Operator>,
    /// What came after that.
    journal: Journal,
}

fn newest_state<'a>(
    recovered: &'a Recovered,
    inputs: &[Topic],
    kind: &dyn OperatorKind,
) -> Result<NewestState<'a>> {
    let partition = recovered.partition;
    let progress = recovered.progress.as_ref().ok_or(Error::NoBeginning { partition })?;
    let unusable = |source| Error::Note { partition, source };
    let note = kind_note::note_of(kind, &progress.note).map_err(unusable)?;
    let differences = kind.differences_of_note(&note).map_err(unusable)?;
    if !differences.is_empty() {
        return Err(Error::RulesDiffer(differences));
    }
    let mut journal = VecDeque::with_capacity(recovered.journal.len());
    for entry in &recovered.journal {
        let sequence = entry.sequence;
        let decoded = Entry::decode(&entry.bytes).map_err(|source| Error::Entry {
            partition,
            sequence,
            source,
        })?;
        journal.push_back((sequence, entry.at, decoded));
    }
    let operator = match (&recovered.checkpoint, journal.front()) {
        (Some(checkpoint), _) => {
            let number = checkpoint.manifest.checkpoint;
            kind.restore(&checkpoint.state, inputs, partition)
                .map_err(|source| Error::Snapshot { partition, number, source })?
        }
        (None, Some((sequence, at, Entry::Start { further, .. }))) => {
            let at = beginning(*at, further).filter(|at| at.len() == inputs.len());
            let at = at.ok_or_else(|| misplaced(partition, *sequence, "the inputs"))?;
            kind.start(inputs, partition, &at)
        }
        (None, _) => return Err(Error::NoBeginning { partition }),
    };
    Ok(NewestState { progress, note, operator, journal })
}

/// An entry of the journal that cannot stand where it does.
fn misplaced(partition: Partition, sequence: u64, what: &str) -> Error {
    let what = format!("it does not fit {what}");
    Error::Entry { partition, sequence, source: EntryError::Damaged(what) }
}

/// The operator of a partition with several inputs at its committed position, and the number of
/// messages that were replayed.
///
/// # Errors
/// As [`Replay::prepare`]; [`Error::ReplayLost`] when a log no longer has them.
pub(crate) fn replay_several(
    recovered: &Recovered,
    (inputs, mut logs): (&[Topic], InputLogs<'_>),
    kind: &dyn OperatorKind,
) -> Result<(Box<dyn Operator>, u64)> {
    let partition = recovered.partition;
    let NewestState { progress, note, mut operator, journal } =
        newest_state(recovered, inputs, kind)?;
    let mut messages = 0;
    for (sequence, at, entry) in journal {
        if at != operator.position() {
            return Err(misplaced(partition, sequence, "the position before it"));
        }
        match entry {
            Entry::Run { input, until } if input < inputs.len() => {
                let from = operator.next(input);
                let mut discard = |operator: &mut dyn Operator, count: u64| {
                    messages += count;
                    operator.discard_output();
                    failpoints::pass(failpoints::REPLAY)
                };
                let applied = logs.apply_until((input, until), &mut *operator, &mut discard);
                let is_there = applied.map_err(|error| lost(error, partition, from, until))?;
                if !is_there {
                    let end = operator.next(input);
                    return Err(Error::LogShort { partition, next: until, end });
                }
            }
            entry => {
                operator.apply_entry(&entry).map_err(|source| Error::Entry {
                    partition,
                    sequence,
                    source,
                })?;
                if let Entry::Gap { input, .. } = entry {
                    logs.reopen(input);
                }
            }
        }
        operator.discard_output();
    }
    let committed = std::iter::once(&progress.next).chain(&progress.further);
    if !committed.copied().eq((0..inputs.len()).map(|input| operator.next(input))) {
        return Err(misplaced(partition, recovered.next_sequence, "the committed position"));
    }
    if let Err((replayed, committed)) = operator.check_note(&note) {
        let position = operator.position();
        return Err(Error::ReplayDiffers { partition, position, replayed, committed });
    }
    Ok((operator, messages))
}

/// What an input that no longer has what is to be replayed means.
fn lost(error: Error, partition: Partition, checkpoint: Offset, next: Offset) -> Error {
    match error {
        Error::Queue(QueueError::OffsetGone { topic, first, .. }) => {
            Error::ReplayLost { topic, partition, checkpoint, next, first }
        }
        error => error,
    }
}
