//! One partition in the status.

use seismic_pipeline::{DEAD, RESULT};
use seismic_queue::{Job, PartitionView, Span};
use serde::Serialize;

use super::counts::ReasonCounts;
use super::note::NoteStatus;

/// One partition. What the job has not said yet is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: usize,
    /// First offset that the log still has; of the first input, as what follows.
    pub first: u64,
    /// End of the log.
    pub end: u64,
    /// Offset of the next message to read.
    pub position: Option<u64>,
    /// Messages of all inputs that are not read yet.
    pub lag: u64,
    /// Offsets of these that an open transaction holds back.
    pub held_back: u64,
    /// When the last commit was made, ms since 1970 UTC.
    pub last_commit_ms: Option<i64>,
    /// Commits made.
    pub commits: Option<u64>,
    /// Sensors known.
    pub sensors: Option<u64>,
    /// Windows open.
    pub open_windows: Option<u64>,
    /// Windows closed.
    #[serde(skip)]
    pub windows: Option<u64>,
    /// Records read.
    pub read: Option<u64>,
    /// Messages that were deleted before they were read.
    pub lost_messages: Option<u64>,
    /// End of the partition of the result topic.
    pub rows: u64,
    /// End of the partition of the dead-letter topic.
    pub dead_letters: u64,
    /// Dead letters of each reason.
    pub by_reason: Option<ReasonCounts>,
    /// Hash of the rules.
    pub rules: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointStatus>,
}

/// One checkpoint of a partition.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointStatus {
    /// Its number.
    pub number: u64,
    /// The offset that it continues from.
    pub position: u64,
    /// Its size.
    pub bytes: u64,
    /// When it was made, ms since 1970 UTC.
    pub created_ms: i64,
}

impl PartitionStatus {
    pub(super) fn new(
        partition: usize,
        (job, view): (&Job, &PartitionView),
        inputs: &[Span],
        note: Option<&NoteStatus>,
    ) -> Self {
        let progress = view.progress.as_ref();
        let rows_of = |role| view.output(job, role).map_or(0, |output| output.span.end.0);
        let input = inputs.first().copied().unwrap_or_default();
        let mut nexts =
            progress.into_iter().flat_map(|it| std::iter::once(&it.next).chain(&it.further));
        let lag = inputs.iter().map(|span| {
            let next = nexts.next().copied().unwrap_or(span.first);
            span.end.0.saturating_sub(next.0)
        });
        PartitionStatus {
            partition,
            first: input.first.0,
            end: input.end.0,
            position: progress.map(|progress| progress.next.0),
            lag: lag.sum(),
            held_back: 0,
            last_commit_ms: progress.map(|progress| progress.committed_ms),
            commits: progress.map(|progress| progress.number),
            sensors: note.map(|note| note.sensors),
            open_windows: note.map(|note| note.open_windows),
            windows: note.map(|note| note.counts.windows),
            read: note.map(|note| note.counts.read),
            lost_messages: note.map(|note| note.counts.lost_messages),
            rows: rows_of(RESULT),
            dead_letters: rows_of(DEAD),
            by_reason: note.map(|note| note.counts.by_reason.clone()),
            rules: note.map(|note| note.rules.hash.clone()),
            checkpoint: view.checkpoints.last().map(|info| CheckpointStatus {
                number: info.manifest.checkpoint,
                position: info.manifest.position.0,
                bytes: info.bytes,
                created_ms: info.created_ms,
            }),
        }
    }
}
