//! The journal of a task: every input of its operator that is not in a log.

use seismic_queue::{JournalEntry, Offset};

use super::PartitionTask;
use crate::engine::journal::Entry;
use crate::engine::operator::OperatorKind;
use crate::{Error, Result};

impl PartitionTask {
    /// From here on it reads this input; which one that is is journaled where there are several.
    pub(super) fn turn_to(&mut self, input: usize) {
        if self.inputs() > 1 && self.run.is_none_or(|(reading, _)| reading != input) {
            self.end_run();
            self.run = Some((input, self.operator.position()));
        }
    }

    /// Journals what was read of one input without a pause by another.
    pub(super) fn end_run(&mut self) {
        if let Some((input, at)) = self.run.take()
            && self.operator.position() > at
        {
            self.push_entry(at, &Entry::Run { input, until: self.operator.next(input) });
        }
    }

    /// Applies what its kind has for it from elsewhere than the log, and journals it.
    ///
    /// # Errors
    /// When the operator refuses it.
    pub fn apply_own_entries(&mut self, kind: &dyn OperatorKind) -> Result<()> {
        if self.is_replaying() {
            return Ok(());
        }
        for bytes in kind.own_entries(&*self.operator) {
            let entry = Entry::Own(bytes);
            self.add_to_journal(&entry);
            let (partition, sequence) = (self.partition, self.next_sequence - 1);
            self.operator.apply_entry(&entry).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
        }
        Ok(())
    }

    /// Closes every window.
    pub fn drain(&mut self) {
        if self.operator.drain() {
            self.add_to_journal(&Entry::End);
        }
    }

    /// Goes on at `first` in an input: what lies before it is gone, and the operator accepted that.
    pub fn accept_loss(&mut self, input: usize, first: Offset) {
        assert!(!self.is_replaying(), "the state at the loss is known");
        let from = self.operator.next(input);
        self.add_to_journal(&Entry::Gap { input, from, to: first });
        self.operator.gap(input, first);
    }

    /// Writes a journal entry for the next commit.
    pub(super) fn add_to_journal(&mut self, entry: &Entry) {
        self.end_run();
        self.push_entry(self.operator.position(), entry);
    }

    fn push_entry(&mut self, at: Offset, entry: &Entry) {
        let sequence = self.next_sequence;
        self.journal.push(JournalEntry { sequence, at, bytes: entry.encode() });
        self.next_sequence += 1;
    }
}
