//! What a job has counted since it was started, as one value.

use seismic_pipeline::Metrics;
use serde::Serialize;

/// Counts of one run of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct JobMetrics {
    /// Records read, without those replayed.
    pub records: u64,
    /// Messages replayed at the start.
    pub messages_replayed: u64,
    /// Rows committed.
    pub rows: u64,
    /// Dead letters committed.
    pub dead_letters: u64,
    /// Commits; each covers all partitions of a slot that had something to commit.
    pub commits: u64,
}

impl JobMetrics {
    pub(super) fn of(metrics: &Metrics) -> Self {
        JobMetrics {
            records: metrics.records(),
            messages_replayed: metrics.messages_replayed(),
            rows: metrics.rows(),
            dead_letters: metrics.dead_letters(),
            commits: metrics.commits(),
        }
    }
}
