//! What the outputs must hold: a digest of each row, so that a proof of many rows fits in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use seismic_queue::{Block, Job, Partition, PartitionCommit};

use crate::engine::operator::{Operator, OperatorKind, RowIdentity};

/// Rows that the operators emitted.
pub(super) struct Expected {
    /// Of each output that follows the input, in order, of the partition that is being proved.
    pub followed: Vec<Vec<u64>>,
    /// Of keyed outputs, of all partitions: place of the output, identity; where it goes and what
    /// it is.
    pub keyed: BTreeMap<(usize, RowIdentity), (Partition, u64)>,
    /// What is taken from an operator.
    scratch: PartitionCommit,
}

impl Expected {
    pub fn new(job: &Job) -> Self {
        let (keyed, scratch) = (BTreeMap::new(), PartitionCommit::new(Partition(0)));
        Expected { followed: vec![Vec::new(); job.outputs.len()], keyed, scratch }
    }

    /// Takes what an operator has emitted.
    pub fn take(
        &mut self,
        operator: &mut dyn Operator,
        kind: &dyn OperatorKind,
        differences: &mut Vec<String>,
    ) {
        operator.move_output(&mut self.scratch);
        for (followed, block) in self.followed.iter_mut().zip(&mut self.scratch.outputs) {
            followed.extend(block.messages().map(|(_, value)| digest(value)));
            Block::clear(block);
        }
        for block in self.scratch.keyed.drain(..) {
            for (_, value) in block.rows.messages() {
                let Some(identity) = kind.identity(block.output, value) else {
                    differences.push(format!("a row of output {} names nothing", block.output));
                    continue;
                };
                let row = (block.partition, digest(value));
                if self.keyed.insert((block.output, identity), row).is_some() {
                    differences.push(format!("{identity} names two rows of a keyed output"));
                }
            }
        }
    }
}

/// A digest of a row.
pub(super) fn digest(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
