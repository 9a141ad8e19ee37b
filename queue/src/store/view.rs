//! A view of a store for readers that do not own it.

use std::ops::Range;

use super::{CheckpointInfo, CheckpointRequest, Job, OutputView, Progress};
use crate::{Hold, Offset, Partition, Span};

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

impl View {
    /// The partitions of the output at that place of the job, in order.
    ///
    /// # Panics
    /// When the job has no such output.
    #[must_use]
    pub fn output(&self, place: usize) -> Vec<&OutputView> {
        match self.job.outputs[place].is_keyed() {
            true => self.keyed[place].iter().collect(),
            false => self.partitions.iter().map(|part| &part.outputs[place]).collect(),
        }
    }

    /// The offsets that are there of each of these partitions.
    ///
    /// # Panics
    /// When the job has no such output.
    #[must_use]
    pub fn spans_of(&self, place: usize) -> Vec<Span> {
        self.output(place).iter().map(|partition| partition.span).collect()
    }
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
    /// Place of the output that it reads in the job.
    pub output: usize,
    /// Partition of that output.
    pub partition: Partition,
    /// Next row.
    pub next: Offset,
    /// First row that is kept for it: that one, or an earlier one that its server may lose.
    pub kept_from: Offset,
}

/// Behind the name of a sink: what is kept for it beyond its position has a hold of its own.
const KEPT: &str = " (hold_behind)";

impl SinkPosition {
    /// The holder of what is kept for a sink beyond its position.
    #[must_use]
    pub fn holder_of_kept(sink: &str) -> String {
        format!("{sink}{KEPT}")
    }

    /// Whether a hold is of what is kept for a sink beyond its position.
    #[must_use]
    pub fn is_kept(hold: &Hold) -> bool {
        hold.holder.ends_with(KEPT)
    }

    /// The positions that the holds of one output are.
    #[must_use]
    pub fn of_holds(output: usize, holds: &[Hold]) -> Vec<SinkPosition> {
        let kept = |of: &Hold| {
            let is_it = |hold: &&Hold| {
                hold.partition == of.partition
                    && hold.holder.strip_suffix(KEPT) == Some(of.holder.as_str())
            };
            holds.iter().find(is_it).map_or(of.offset, |hold| hold.offset.min(of.offset))
        };
        let position = |hold: &Hold| SinkPosition {
            sink: hold.holder.clone(),
            output,
            partition: hold.partition,
            next: hold.offset,
            kept_from: kept(hold),
        };
        let of_sinks = holds.iter().filter(|hold| !SinkPosition::is_kept(hold)).map(position);
        of_sinks.filter(|position| !position.is_old_state()).collect()
    }

    /// Whether this is none of a sink's positions but what a sink of an older version stored as
    /// one, for want of [`SinkState::put_sink_state`](crate::SinkState::put_sink_state): its name
    /// has a `#` and it lies beyond any row. Views leave it out; the sink takes it over when it
    /// starts.
    #[must_use]
    pub fn is_old_state(&self) -> bool {
        self.sink.contains('#') && self.next.0 >= 1 << 62
    }
}
