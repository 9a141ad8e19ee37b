//! What takes a store back.

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
    /// What the pipeline keeps beside the position.
    pub note: Vec<u8>,
    /// Rows committed since the checkpoint; those that retention took are gone already.
    pub rows: u64,
    /// Dead letters committed since.
    pub dead: u64,
    /// Rows of each roll-up topic committed since.
    pub rollups: Vec<u64>,
}
