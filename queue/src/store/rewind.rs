//! Rewinding a store to a checkpoint.

use super::KeyedCut;
use crate::Partition;

/// How far one partition goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewind {
    /// Which one.
    pub partition: Partition,
    /// Number of the checkpoint.
    pub checkpoint: u64,
    /// Number of the commit that this is, which the partition's next one would have had.
    pub number: u64,
    /// What the pipeline keeps with the position.
    pub note: Vec<u8>,
    /// Rows of each output committed since the checkpoint, in the job's order; those at the end may
    /// be left out. What retention took is gone already. 0 where the output is keyed.
    pub outputs: Vec<u64>,
    /// Rows of keyed outputs that this task has committed since.
    pub keyed: Vec<KeyedCut>,
}
