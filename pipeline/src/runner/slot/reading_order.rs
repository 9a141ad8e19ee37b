//! Rows of keyed outputs in the order in which the slot read their records.
//!
//! Each task has blocks of its own, and a store writes the blocks of a commit task by task. So rows
//! that were read in step would be stored in runs as long as a commit. For an aligned kind of job,
//! rows are taken from the tasks after each batch and committed with the first task: all of them
//! become durable at once, whichever task made them.

use std::collections::BTreeMap;

use seismic_queue::{Block, Commit, KeyedBlock, Partition};

use crate::engine::operator::Operator;

/// Rows that wait for the next commit, of all tasks of a slot.
#[derive(Debug, Default)]
pub(super) struct ReadingOrder {
    /// By place of the output and partition.
    blocks: BTreeMap<(usize, Partition), Block>,
}

impl ReadingOrder {
    /// Takes the rows that an operator has emitted.
    pub fn take_from(&mut self, operator: &mut dyn Operator) {
        operator.move_keyed(&mut |output, partition, rows| {
            self.blocks.entry((output, partition)).or_default().append(rows);
        });
    }

    /// Bytes that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.blocks.values().map(|block| block.bytes().len()).sum()
    }

    /// Moves all rows into a commit. They lie before the positions in it, since every task that has
    /// read something has its share.
    ///
    /// # Panics
    /// When rows wait and no task has moved.
    pub fn move_into(&mut self, commit: &mut Commit) {
        if self.blocks.values().all(Block::is_empty) {
            return;
        }
        let first = commit.partitions.first_mut().expect("who emits rows has moved");
        for (&(output, partition), block) in &mut self.blocks {
            if !block.is_empty() {
                first.keyed.push(KeyedBlock { output, partition, rows: std::mem::take(block) });
            }
        }
    }

    /// Throws everything away: the engines are recreated.
    pub fn clear(&mut self) {
        self.blocks.clear();
    }
}
