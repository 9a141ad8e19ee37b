//! From what the store remembers to an engine at the committed position. Runs at every start.
//!
//! The newest snapshot, then the messages from its position to the committed one, then the
//! journal entries up to and including that position, each before the message at its own; rows
//! are discarded, since they are committed already. At the end the counters must be those that
//! the last commit noted: the engine is deterministic, and this is where that is checked.

use std::collections::VecDeque;

use seismic_queue::{Message, Offset, Recovered, Topic};

use crate::engine::counters::Counters;
use crate::engine::journal::{Entry, Note};
use crate::engine::output::Output;
use crate::engine::rules::Rules;
use crate::engine::windows::Engine;
use crate::{Error, Result};

/// What is left to replay of one partition.
#[derive(Debug)]
pub(crate) struct Replay {
    /// The committed position.
    until: Offset,
    journal: VecDeque<(u64, Offset, Entry)>,
    expect: Counters,
    messages: u64,
}

impl Replay {
    /// The engine as of the newest snapshot (or the start of the journal), and what is to be
    /// replayed.
    ///
    /// # Errors
    /// Everything that makes the stored state unusable under `rules`.
    pub fn prepare(
        recovered: &Recovered,
        topic: &Topic,
        rules: &Rules,
    ) -> Result<(Engine, Replay)> {
        let partition = recovered.partition;
        let progress = recovered.progress.as_ref().ok_or(Error::NoBeginning { partition })?;
        let note =
            Note::decode(&progress.note).map_err(|source| Error::Note { partition, source })?;
        if note.rules != *rules {
            return Err(Error::RulesDiffer(rules.differences(&note.rules)));
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
        let mut engine = match (&recovered.checkpoint, journal.front()) {
            (Some(checkpoint), _) => {
                let number = checkpoint.manifest.checkpoint;
                Engine::restore(&checkpoint.state, &topic.name, partition)
                    .map_err(|source| Error::Snapshot { partition, number, source })?
            }
            (None, Some((_, at, Entry::Start { .. }))) => {
                Engine::new(rules.clone(), &topic.name, partition, *at)
            }
            (None, _) => return Err(Error::NoBeginning { partition }),
        };
        let mut replay =
            Replay { until: progress.next, journal, expect: note.counters, messages: 0 };
        replay.pass_losses(&mut engine)?;
        Ok((engine, replay))
    }

    /// Applies what stands in the journal at the engine's own position, so that it asks the log for
    /// nothing that was gone already when the loss was accepted.
    fn pass_losses(&mut self, engine: &mut Engine) -> Result<()> {
        let mut out = Output::default();
        loop {
            let position = engine.position();
            self.apply_until(position.min(self.until), engine, &mut out)?;
            if engine.position() == position {
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
    pub fn covers(
        &mut self,
        offset: Offset,
        engine: &mut Engine,
        out: &mut Output,
    ) -> Result<bool> {
        self.apply_until(offset.min(self.until), engine, out)?;
        Ok(offset < self.until)
    }

    /// Does the message again. One that lies in an accepted loss was never done: the log was put
    /// back to an older state since.
    pub fn step(&mut self, message: Message<'_>, engine: &mut Engine, out: &mut Output) {
        if message.offset < engine.position() {
            return;
        }
        engine.step(message, out);
        self.messages += 1;
        out.clear();
    }

    /// Whether everything was replayed, with nothing left in the log before `position`; applies
    /// what is left of the journal and checks the counters.
    pub fn is_over(
        &mut self,
        position: Offset,
        engine: &mut Engine,
        out: &mut Output,
    ) -> Result<bool> {
        if position < self.until {
            return Ok(false);
        }
        self.apply_until(self.until, engine, out)?;
        engine.pass(self.until);
        if let Some((sequence, at, _)) = self.journal.front() {
            let what = format!("it is at offset {at}, beyond the position {}", self.until);
            return Err(Error::Entry {
                partition: engine.partition(),
                sequence: *sequence,
                source: crate::engine::journal::EntryError::Damaged(what),
            });
        }
        if *engine.counters() != self.expect {
            return Err(Error::ReplayDiffers {
                partition: engine.partition(),
                position: self.until,
                replayed: format!("{:?}", engine.counters()),
                committed: format!("{:?}", self.expect),
            });
        }
        Ok(true)
    }

    fn apply_until(&mut self, at: Offset, engine: &mut Engine, out: &mut Output) -> Result<()> {
        let partition = engine.partition();
        while let Some((sequence, entry_at, entry)) =
            self.journal.pop_front_if(|(_, entry_at, _)| *entry_at <= at)
        {
            engine.pass(entry_at);
            entry.apply(engine, out).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
            out.clear();
        }
        Ok(())
    }
}
