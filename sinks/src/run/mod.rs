//! Running sinks: the loop around one, the threads of several, opening and stopping.

pub(crate) mod bare;
mod beginning;
mod kept;
mod metrics;
mod opening;
mod runner;
mod stop;
mod threads;

pub use metrics::{SinkMetrics, SinkMetricsSnapshot};
pub use opening::open_unless_stopped;
pub use runner::SinkRunner;
pub use stop::{SinkHold, SinkStop};
pub use threads::{OpenSink, SinkEnd, SinkOutcome, SinkStart, SinkThreads};
