//! A cache of the last view of a store: a command that inspects a job usually reads the checkpoints
//! and journals of its partitions next, which the view has already seen.

use std::sync::Mutex;
use std::time::Instant;

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
    /// Numbers of the newest commits of all partitions, and when they were asked for: the view is
    /// valid for a partition whose number is still that of `numbers`.
    pub(super) newest: Mutex<Option<(Instant, Vec<Option<u64>>)>>,
}
