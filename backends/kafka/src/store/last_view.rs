//! What the last view of a store has seen of its checkpoint topic: whoever has looked at a job reads
//! the checkpoints and the journal of each partition next, and asks for each what the view has told.

use super::checkpoint_record::KeptCheckpoint;
use seismic_queue::{Offset, Span, Topic};

/// What a view has seen.
pub(super) struct LastView {
    /// End of the job topic before.
    pub(super) written_down: Option<Offset>,
    /// The checkpoint topic.
    pub(super) checkpoints: Topic,
    /// Of the newest commit of each partition.
    pub(super) numbers: Vec<Option<u64>>,
    /// What the topic held after those commits.
    pub(super) logs: Vec<Span>,
    /// The checkpoints of each partition.
    pub(super) kept: Vec<Vec<KeptCheckpoint>>,
}
