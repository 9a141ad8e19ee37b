//! Rows of keyed outputs in the order in which the slot read their records.
//!
//! Each task has blocks of its own, and a store writes the blocks of a commit task by task. So rows
//! that were read in step would be stored in runs as long as a commit. For an aligned kind of job,
//! rows are taken from the tasks after each batch and committed with the first task: all of them
//! become durable at once, whichever task made them.
//!
//! All records of a repartition go through here. So the memory of rows that are committed is filled
//! again: memory that is new for each commit costs more than what is written into it.

use std::collections::BTreeMap;

use seismic_queue::{Block, Commit, KeyedBlock, Partition};

use crate::engine::operator::Operator;
use crate::limits;

/// Rows that wait for the next commit, of all tasks of a slot.
#[derive(Debug, Default)]
pub(super) struct ReadingOrder {
    /// By place of the output and partition.
    blocks: BTreeMap<(usize, Partition), Block>,
    /// Blocks of commits that are done, emptied.
    spare: Vec<Block>,
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
                let rows = std::mem::replace(block, self.spare.pop().unwrap_or_default());
                first.keyed.push(KeyedBlock { output, partition, rows });
            }
        }
    }

    /// Takes the memory of rows that are committed: as much as may wait for a commit.
    pub fn reuse(&mut self, committed: &mut Vec<KeyedBlock>) {
        let mut kept: usize = self.spare.iter().map(Block::capacity).sum();
        for KeyedBlock { mut rows, .. } in committed.drain(..) {
            kept += rows.capacity();
            if kept > limits::WAITING_BYTES {
                return;
            }
            rows.clear();
            self.spare.push(rows);
        }
    }

    /// Throws everything away: the engines are recreated.
    pub fn clear(&mut self) {
        self.blocks.clear();
    }
}

#[cfg(test)]
mod tests {
    use seismic_queue::PartitionCommit;

    use super::*;

    /// What waits for two partitions, as a commit.
    fn committed(order: &mut ReadingOrder, value: &[u8]) -> Vec<KeyedBlock> {
        for partition in [Partition(0), Partition(1)] {
            let block = order.blocks.entry((0, partition)).or_default();
            block.push(b"", value).unwrap();
        }
        let mut commit = Commit { partitions: vec![PartitionCommit::new(Partition(0))] };
        order.move_into(&mut commit);
        commit.partitions.remove(0).keyed
    }

    #[test]
    fn rows_fill_the_memory_of_commits_that_are_done_and_nothing_of_those_stays_in_them() {
        let mut order = ReadingOrder::default();
        let mut under_way = committed(&mut order, &[1; 50_000]);
        let memory: Vec<_> = under_way.iter().map(|it| it.rows.bytes().as_ptr()).collect();
        // The next ones are filled while a commit is under way.
        let mut next = committed(&mut order, &[2; 10_000]);
        order.reuse(&mut under_way);
        order.reuse(&mut next);
        assert!(under_way.is_empty() && next.is_empty());
        // The first of them are in what waited meanwhile.
        let later = [3, 4, 5].map(|value| (value, committed(&mut order, &[value; 20_000])));
        for (value, blocks) in &later {
            for KeyedBlock { rows, .. } in blocks {
                let found: Vec<_> = rows.messages().collect();
                assert_eq!(found, [(&b""[..], &[*value; 20_000][..])]);
            }
        }
        let all = later.iter().flat_map(|(_, blocks)| blocks);
        let filled: Vec<_> = all.map(|it| it.rows.bytes().as_ptr()).collect();
        assert!(memory.iter().all(|of| filled.contains(of)));
    }

    #[test]
    fn no_more_memory_is_kept_than_may_wait() {
        let mut order = ReadingOrder::default();
        let large = vec![0; limits::WAITING_BYTES / 3];
        let mut all = Vec::new();
        for _ in 0..4 {
            all.append(&mut committed(&mut order, &large));
        }
        order.reuse(&mut all);
        assert!(all.is_empty());
        let kept: usize = order.spare.iter().map(Block::capacity).sum();
        assert!((large.len()..=limits::WAITING_BYTES).contains(&kept), "{kept}");
    }
}
