//! What the runner asks of it.

use seismic_pipeline::{Entry, EntryError, Operator, apply_common};
use seismic_queue::{Batch, Block, Fingerprint, Message, Offset, Partition, PartitionCommit};

use super::StatementOperator;
use crate::dimension::entry::TableEntry;

impl Operator for StatementOperator {
    fn partition(&self) -> Partition {
        self.partition
    }

    fn next(&self, _: usize) -> Offset {
        Offset(self.state.next)
    }

    fn apply_batch(&mut self, _: usize, batch: &Batch) {
        self.take(batch.messages());
    }

    fn apply_message(&mut self, _: usize, message: Message<'_>) {
        self.take(std::iter::once(message));
    }

    fn pass(&mut self, _: usize, to: Offset) {
        self.state.next = self.state.next.max(to.0);
    }

    fn gap(&mut self, _: usize, to: Offset) {
        assert!(to.0 >= self.state.next, "offsets only move forward");
        self.state.counts.lost_messages += to.0 - self.state.next;
        self.state.next = to.0;
    }

    /// Nothing is ever open.
    fn close_idle(&mut self, _: usize, _: Offset) -> bool {
        false
    }

    fn drain(&mut self) -> bool {
        false
    }

    fn apply_entry(&mut self, entry: &Entry) -> Result<(), EntryError> {
        let Entry::Own(bytes) = entry else { return apply_common(entry, self) };
        let TableEntry { table, sha256, .. } =
            TableEntry::decode(bytes).map_err(EntryError::Damaged)?;
        self.take_version(&table, &sha256).map_err(EntryError::Damaged)
    }

    fn snapshot(&self, into: &mut Vec<u8>) {
        match &self.clocks {
            None => self.state.encode(&self.definition, None, into),
            Some(clocks) => {
                self.state.encode_with(&self.definition, into, &mut |into| clocks.encode(into));
            }
        }
    }

    fn write_note(&self, into: &mut Vec<u8>) {
        into.clear();
        self.state.encode(&self.definition, self.delivered, into);
    }

    fn set_delivered(&mut self, last: Fingerprint) {
        self.delivered = Some(last);
    }

    fn check_note(&self, note: &[u8]) -> Result<(), (String, String)> {
        if let Some(difference) = self.proof.as_ref().and_then(|proof| proof.difference.clone()) {
            return Err((difference, "the statement was taken for row by row".to_owned()));
        }
        self.state.check_note(note)
    }

    fn is_balanced(&self) -> bool {
        self.state.counts.is_balanced()
    }

    fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    fn records_read(&self) -> u64 {
        self.state.counts.read
    }

    fn rows(&self) -> Vec<u64> {
        let counts = &self.state.counts;
        vec![counts.rows, counts.dead_letters()]
    }

    fn keys(&self) -> u64 {
        0
    }

    fn open(&self) -> u64 {
        0
    }

    fn rescaled_to(&self) -> Option<u32> {
        None
    }

    fn alarm(&self) -> Option<String> {
        None
    }

    fn waiting_bytes(&self) -> usize {
        self.out.bytes().len() + self.letters.block.bytes().len()
    }

    fn move_output(&mut self, commit: &mut PartitionCommit) {
        commit.outputs.resize_with(2, Block::default);
        std::mem::swap(&mut commit.outputs[0], &mut self.out);
        std::mem::swap(&mut commit.outputs[1], &mut self.letters.block);
    }

    fn discard_output(&mut self) {
        self.out.clear();
        self.letters.block.clear();
    }
}
