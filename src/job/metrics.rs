//! The metrics of a job and its sinks since its start, as one plain value.

use std::sync::Arc;

use seismic_pipeline::{Metrics, MetricsSnapshot};
use seismic_sinks::{SinkMetrics, SinkMetricsSnapshot};

use crate::dimension::note::TableNote;

/// Counts of one run of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobMetrics {
    /// What the job read, committed, replayed and snapshotted, in sum and by output and partition.
    pub run: MetricsSnapshot,
    /// Each sink, by its specification.
    pub sinks: Vec<(String, SinkMetricsSnapshot)>,
    /// Each table that it looks things up in.
    pub tables: Vec<TableNote>,
}

impl JobMetrics {
    pub(super) fn of(
        metrics: &Metrics,
        sinks: &[(String, Arc<SinkMetrics>)],
        tables: Vec<TableNote>,
    ) -> Self {
        JobMetrics {
            run: metrics.snapshot(),
            sinks: sinks.iter().map(|(sink, of_it)| (sink.clone(), of_it.snapshot())).collect(),
            tables,
        }
    }
}
