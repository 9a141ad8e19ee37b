//! What a store says to those who look in.

use std::ops::Range;

use super::{Asked, CheckpointInfo, Job, Progress};
use crate::{Offset, Partition, Span};

/// A store as one commit left it.
#[derive(Debug)]
pub struct View {
    /// Given once, when the store was made: sinks refuse rows of another store.
    pub id: String,
    /// Whose store it is.
    pub job: Job,
    /// One for each partition of the input, in order.
    pub partitions: Vec<PartitionView>,
    /// How far the sinks have come.
    pub sinks: Vec<SinkPosition>,
    /// Checkpoints asked for that not every partition has taken yet.
    pub asked: Vec<Asked>,
}

/// One partition in a [`View`].
#[derive(Debug)]
pub struct PartitionView {
    /// `None`: never committed.
    pub progress: Option<Progress>,
    /// Rows of the result topic.
    pub rows: Span,
    /// Dead letters.
    pub dead: Span,
    /// Rows of the roll-up topics.
    pub rollups: Vec<Span>,
    /// Offsets of rows that rewinds took out: nothing is there, nor will be.
    pub rows_cut: Vec<Span>,
    /// Sequences of the journal entries kept.
    pub journal: Range<u64>,
    /// Checkpoints kept, oldest first.
    pub checkpoints: Vec<CheckpointInfo>,
}

/// Whether a name of [`JobStore::put_sink_position`](crate::Store::note_sink) is not that of a sink, but of what one
/// remembers besides its position. Such a note lies beyond any row, holds nothing, and is not for
/// people.
#[must_use]
pub fn is_note(sink: &str) -> bool {
    sink.contains('#')
}

/// How far a sink has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SinkPosition {
    /// Name of the sink.
    pub sink: String,
    /// Partition of the result topic.
    pub partition: Partition,
    /// Next row.
    pub next: Offset,
}
