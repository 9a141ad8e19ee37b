//! What a slot gives to its store.

use super::{Chunk, Manifest};
use crate::{Block, Offset, Partition};

/// What one slot makes durable at once.
#[derive(Debug, Default)]
pub struct Commit {
    /// Each partition at most once.
    pub partitions: Vec<PartitionCommit>,
}

/// One partition's share of a commit.
#[derive(Debug)]
pub struct PartitionCommit {
    /// Which one.
    pub partition: Partition,
    /// Number of this commit of the partition, from 1, without gaps.
    pub number: u64,
    /// Next input offset: everything before it has had its effect.
    pub next: Offset,
    /// What the pipeline keeps beside the position.
    pub note: Vec<u8>,
    /// Rows for the result topic.
    pub rows: Block,
    /// Dead letters for the dead-letter topic.
    pub dead: Block,
    /// Rows for the roll-up topics, in their order; those at the end may be left out.
    pub rollups: Vec<Block>,
    /// New journal entries, in order.
    pub journal: Vec<JournalEntry>,
    /// Pieces of a snapshot on its way; without a manifest they mean nothing.
    pub chunks: Vec<Chunk>,
    /// Makes the chunks stored so far a checkpoint. Old checkpoints that no
    /// [`Class`](crate::Class) keeps go in the same act.
    pub manifest: Option<Manifest>,
    /// Ids of what was asked for ([`JobStore::asked`](crate::Store::asked)) that the manifest answers;
    /// one that was taken back meanwhile is passed over.
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
            note: Vec::new(),
            rows: Block::default(),
            dead: Block::default(),
            rollups: Vec::new(),
            journal: Vec::new(),
            chunks: Vec::new(),
            manifest: None,
            answers: Vec::new(),
            name: None,
        }
    }
}

/// An input of the engine that is not in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Number among the partition's entries, from 0, without gaps.
    pub sequence: u64,
    /// Position at which it happened: before the message of this offset.
    pub at: Offset,
    /// What it was.
    pub bytes: Vec<u8>,
}
