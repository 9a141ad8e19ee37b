//! What a store returns when a slot starts: position, checkpoint and journal.

use super::{Checkpoint, JournalEntry};
use crate::{Offset, Partition};

/// A partition's position as the last commit left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Number of that commit.
    pub number: u64,
    /// Next offset of the first input.
    pub next: Offset,
    /// Next offsets of the further inputs, in the job's order.
    pub further: Vec<Offset>,
    /// What the pipeline kept with it.
    pub note: Vec<u8>,
    /// When it was made, ms since 1970 UTC; for people.
    pub committed_ms: i64,
}

impl Progress {
    /// Next offset of each input, in the job's order.
    pub fn nexts(&self) -> impl Iterator<Item = Offset> {
        std::iter::once(self.next).chain(self.further.iter().copied())
    }
}

/// Where a partition continues.
#[derive(Debug)]
pub struct Recovered {
    /// The partition.
    pub partition: Partition,
    /// `None`: it was never committed.
    pub progress: Option<Progress>,
    /// The newest checkpoint that is whole. `None`: replay from the first journal entry.
    pub checkpoint: Option<Checkpoint>,
    /// Journal entries that are not in the checkpoint, in order.
    pub journal: Vec<JournalEntry>,
    /// Next journal sequence.
    pub next_sequence: u64,
    /// Highest checkpoint number ever used, 0 if none.
    pub last_checkpoint: u64,
    /// Newer checkpoints that had to be passed over, each with the reason.
    pub passed_over: Vec<String>,
}
