//! A sink that shows only the partitions which this worker has: of a job that several share, each
//! console shows a part, and together they show everything once.
//!
//! It is for sinks that keep no position. One that does would take what it was not shown for shown.

use std::sync::Arc;

use seismic_pipeline::Metrics;
use seismic_queue::{Batch, Offset, Span};
use seismic_sinks::{Result, Sink};

/// Shows what is this worker's.
pub struct Own {
    sink: Box<dyn Sink>,
    progress: Arc<Metrics>,
}

impl Own {
    pub fn new(sink: Box<dyn Sink>, progress: &Arc<Metrics>) -> Self {
        Own { sink, progress: Arc::clone(progress) }
    }
}

impl Sink for Own {
    fn name(&self) -> &str {
        self.sink.name()
    }

    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        self.sink.recover(rows)
    }

    fn write(&mut self, rows: &Batch) -> Result<()> {
        if self.progress.has(rows.partition()) { self.sink.write(rows) } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<()> {
        self.sink.sync()
    }

    fn keeps_position(&self) -> bool {
        false
    }
}
