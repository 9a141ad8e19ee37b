//! A job as a value, and how it runs.
//!
//! ```text
//!  command line ─► options ─┐
//!                           ├─► JobSpec ─► Job::start ─► JobHandle { state, metrics, stop, join }
//!  job file ─────► options ─┘                  │
//!                                  build: queue, store, sinks ─► run, of one step or of two
//! ```

mod build;
pub mod cleaning;
pub mod describe;
pub mod file;
mod handle;
pub(crate) mod kinds;
pub mod location;
mod metrics;
mod notify;
pub mod options;
pub mod origin;
pub mod repartition;
pub mod rollup;
mod run;
pub mod service;
pub(crate) mod sinks;
pub mod spec;
mod state;
mod stop;
mod text;
pub mod time_span;

pub use handle::{Job, JobHandle, JobObserver, JobReport};
pub use metrics::JobMetrics;
pub use spec::JobSpec;
pub use state::JobState;
pub use stop::StopToken;
