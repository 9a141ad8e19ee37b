//! What a job has counted since it was started, its sinks included, as one plain value.

use std::sync::Arc;

use seismic_pipeline::{Metrics, MetricsSnapshot};
use seismic_sinks::{SinkMetrics, SinkMetricsSnapshot};

/// Counts of one run of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobMetrics {
    /// What the job read and committed.
    pub run: MetricsSnapshot,
    /// Rows committed.
    pub rows: u64,
    /// Dead letters committed.
    pub dead_letters: u64,
    /// Each sink, by its specification.
    pub sinks: Vec<(String, SinkMetricsSnapshot)>,
}

impl JobMetrics {
    pub(super) fn of(metrics: &Metrics, sinks: &[(String, Arc<SinkMetrics>)]) -> Self {
        JobMetrics {
            run: metrics.snapshot(),
            rows: metrics.rows(),
            dead_letters: metrics.dead_letters(),
            sinks: sinks.iter().map(|(sink, of_it)| (sink.clone(), of_it.snapshot())).collect(),
        }
    }
}
