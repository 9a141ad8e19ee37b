//! Restricts a sink to the partitions of this worker. When several workers share a job, each console
//! shows a part of the rows, and together they show each row once.
//!
//! Only for sinks that keep no position: one that does would count skipped rows as written.

use std::sync::Arc;

use seismic_pipeline::Metrics;
use seismic_queue::{Batch, Offset, Span};
use seismic_sinks::{Result, Sink};

/// A sink that gets only the rows of this worker's partitions.
pub struct OwnPartitions {
    sink: Box<dyn Sink>,
    metrics: Arc<Metrics>,
}

impl OwnPartitions {
    pub fn new(sink: Box<dyn Sink>, metrics: &Arc<Metrics>) -> Self {
        OwnPartitions { sink, metrics: Arc::clone(metrics) }
    }
}

impl Sink for OwnPartitions {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        self.sink.recover(rows)
    }

    fn write(&mut self, rows: &Batch) -> Result<()> {
        if self.metrics.has(rows.partition()) { self.sink.write(rows) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        self.sink.sync()
    }

    fn keeps_position(&self) -> bool {
        false
    }
}
