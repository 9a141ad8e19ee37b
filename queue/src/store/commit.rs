//! The contents of a commit.

use super::{Chunk, KeyedBlock, Manifest};
use crate::{Block, Offset, Partition};

/// What one slot makes durable at once.
#[derive(Debug, Default)]
pub struct Commit {
    /// Each partition at most once.
    pub partitions: Vec<PartitionCommit>,
}

/// The share of a commit that one task has: the one that reads this partition of each input.
#[derive(Debug)]
pub struct PartitionCommit {
    /// Which one.
    pub partition: Partition,
    /// Number of this commit of the partition, from 1, without gaps.
    pub number: u64,
    /// Next offset of the first input: everything before it has had its effect.
    pub next: Offset,
    /// Next offsets of the further inputs, in the job's order; empty for a job with one input.
    pub further: Vec<Offset>,
    /// What the pipeline keeps with the position.
    pub note: Vec<u8>,
    /// Rows for this partition of the outputs, in the job's order; those at the end may be left
    /// out. Empty where the output is keyed.
    pub outputs: Vec<Block>,
    /// Rows for partitions of keyed outputs; each of these at most once.
    pub keyed: Vec<KeyedBlock>,
    /// New journal entries, in order.
    pub journal: Vec<JournalEntry>,
    /// Pieces of a snapshot on its way; without a manifest they mean nothing.
    pub chunks: Vec<Chunk>,
    /// Makes the chunks stored so far a checkpoint. Old checkpoints that no
    /// [`Class`](crate::Class) keeps go in the same act.
    pub manifest: Option<Manifest>,
    /// Ids of the requests
    /// ([`CheckpointNames::checkpoint_requests`](crate::CheckpointNames::checkpoint_requests)) that
    /// the manifest answers; one that was taken back meanwhile is passed over.
    pub answers: Vec<String>,
    /// A name that the manifest gets unasked, where one holds nothing but its checkpoint.
    pub name: Option<String>,
}

impl PartitionCommit {
    /// A commit with nothing in it yet.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
        PartitionCommit {
            partition,
            number: 0,
            next: Offset(0),
            further: Vec::new(),
            note: Vec::new(),
            outputs: Vec::new(),
            keyed: Vec::new(),
            journal: Vec::new(),
            chunks: Vec::new(),
            manifest: None,
            answers: Vec::new(),
            name: None,
        }
    }

    /// Where it ends over all inputs: the sum of their next offsets.
    #[must_use]
    pub fn position(&self) -> Offset {
        Offset(self.next.0 + self.further.iter().map(|offset| offset.0).sum::<u64>())
    }

    /// Rows for all outputs.
    #[must_use]
    pub fn rows(&self) -> u64 {
        let keyed = self.keyed.iter().map(|keyed| &keyed.rows);
        self.outputs.iter().chain(keyed).map(|block| u64::from(block.count())).sum()
    }
}

/// An input of the engine that is not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Number among the partition's entries, from 0, without gaps.
    pub sequence: u64,
    /// Position at which it happened: before the message of this offset. Where there are several
    /// inputs, the sum of their next offsets, which moves on with each message of any of them.
    pub at: Offset,
    /// What it was.
    pub bytes: Vec<u8>,
}
