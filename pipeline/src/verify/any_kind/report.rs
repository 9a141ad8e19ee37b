//! What the proof of a job of any kind says.

use seismic_queue::{Offset, Partition};

/// What a proof of a job of any kind says.
#[derive(Clone, Debug, Default)]
pub struct KindReport {
    /// Each partition that has progress.
    pub partitions: Vec<KindProved>,
    /// What differs, as sentences.
    pub differences: Vec<String>,
}

/// What was proved of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindProved {
    /// The partition.
    pub partition: Partition,
    /// Offsets of each input that were run again: from here ...
    pub from: Vec<Offset>,
    /// ... up to here, the committed position.
    pub to: Vec<Offset>,
    /// Whether that is all since the job began.
    pub is_complete: bool,
    /// Messages that were applied again.
    pub messages: u64,
    /// Rows compared.
    pub rows: u64,
    /// Retained checkpoints that are the state at their position.
    pub checkpoints: u64,
}
