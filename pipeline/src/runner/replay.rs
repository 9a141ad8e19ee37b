//! From what the store remembers to an operator at the committed position. Runs at every start.
//!
//! The newest snapshot, then the messages from its position to the committed one, then the
//! journal entries up to and including that position, each before the message at its own; rows
//! are discarded, since they are committed already. At the end the counters must be those that
//! the last commit noted: the operator is deterministic, and this is where that is checked.

use std::collections::VecDeque;

use seismic_queue::{Message, Offset, Recovered, Topic};

use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind};
use crate::{Error, Result};

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
        topic: &Topic,
        kind: &dyn OperatorKind,
    ) -> Result<(Box<dyn Operator>, Replay)> {
        let partition = recovered.partition;
        let progress = recovered.progress.as_ref().ok_or(Error::NoBeginning { partition })?;
        let note = progress.note.clone();
        let differences =
            kind.differences_of_note(&note).map_err(|source| Error::Note { partition, source })?;
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
        let mut operator = match (&recovered.checkpoint, journal.front()) {
            (Some(checkpoint), _) => {
                let number = checkpoint.manifest.checkpoint;
                kind.restore(&checkpoint.state, &topic.name, partition)
                    .map_err(|source| Error::Snapshot { partition, number, source })?
            }
            (None, Some((_, at, Entry::Start { .. }))) => kind.start(&topic.name, partition, *at),
            (None, _) => return Err(Error::NoBeginning { partition }),
        };
        let mut replay = Replay { until: progress.next, journal, note, messages: 0 };
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

    /// Does the message again. One that lies in an accepted loss was never done: the log was put
    /// back to an older state since.
    pub fn step(&mut self, message: Message<'_>, operator: &mut dyn Operator) {
        if message.offset < operator.position() {
            return;
        }
        operator.apply_message(message);
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
        operator.pass(self.until);
        if let Some((sequence, at, _)) = self.journal.front() {
            let what = format!("it is at offset {at}, beyond the position {}", self.until);
            return Err(Error::Entry {
                partition: operator.partition(),
                sequence: *sequence,
                source: crate::engine::journal::EntryError::Damaged(what),
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
            operator.pass(entry_at);
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
