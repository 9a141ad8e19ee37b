//! A view of a store for readers that do not own it.

use std::ops::Range;

use super::{CheckpointInfo, CheckpointRequest, Job, OutputView, Progress};
use crate::{Offset, Partition};

/// A store as one commit left it.
#[derive(Debug)]
pub struct View {
    /// Given once, when the store was made: sinks refuse rows of another store.
    pub id: String,
    /// Whose store it is.
    pub job: Job,
    /// One for each partition of the input, in order.
    pub partitions: Vec<PartitionView>,
    /// The partitions of each output that is keyed, in the job's order; empty for the others.
    /// Where a backend cannot look at all of a store at once, rows of newer commits may be among
    /// them, and never fewer rows than the partitions' positions made.
    pub keyed: Vec<Vec<OutputView>>,
    /// How far the sinks have come.
    pub sinks: Vec<SinkPosition>,
    /// Checkpoints asked for that not every partition has taken yet.
    pub checkpoint_requests: Vec<CheckpointRequest>,
}

/// One partition in a [`View`].
#[derive(Debug)]
pub struct PartitionView {
    /// `None`: never committed.
    pub progress: Option<Progress>,
    /// This partition of each output, in the job's order; empty where the output is keyed.
    pub outputs: Vec<OutputView>,
    /// Sequences of the journal entries kept.
    pub journal: Range<u64>,
    /// Checkpoints kept, oldest first.
    pub checkpoints: Vec<CheckpointInfo>,
}

impl PartitionView {
    /// This partition of the first output of `job` with that role.
    #[must_use]
    pub fn output(&self, job: &Job, role: &str) -> Option<&OutputView> {
        let place = job.outputs.iter().position(|output| output.role == role)?;
        self.outputs.get(place)
    }
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPosition {
    /// Name of the sink.
    pub sink: String,
    /// Partition of the job's first output.
    pub partition: Partition,
    /// Next row.
    pub next: Offset,
}

impl SinkPosition {
    /// Whether this is none of a sink's positions but what a sink of an older version stored as
    /// one, for want of [`SinkState::put_sink_state`](crate::SinkState::put_sink_state): its name
    /// has a `#` and it lies beyond any row. Views leave it out; the sink takes it over when it
    /// starts.
    #[must_use]
    pub fn is_old_state(&self) -> bool {
        self.sink.contains('#') && self.next.0 >= 1 << 62
    }
}
