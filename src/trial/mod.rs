//! A trial of a job: recorded records through the real engine, in memory, and what came of it.
//!
//! ```text
//!  files, topic ─► input ─► arrivals ─► disturbance ─► job in memory ─► outcome ─► comparison
//!                                       (a seed)       (run)                       (expected rows)
//! ```
//!
//! Nothing of the job's own queue, store and sinks is opened but a topic that is named as input,
//! which is only read. The same input with the same seed gives the same rows: where clocks of a
//! machine would decide, as over silent sensors, nothing happens before the end of the input.

mod arrival;
mod comparison;
mod dice;
mod disturbance;
mod expected;
mod input;
pub mod limits;
mod nearest;
mod outcome;
mod plan;
mod report;
mod run;
pub mod statement;

pub use arrival::Arrival;
pub use disturbance::{
    Disturbances, Disturbed, Percent, SensorDelay, ms_of_seconds, parse_seconds,
};
pub use expected::Expected;
pub use input::{FileFormat, FileInput, Input, LoadedInput, load};
pub use outcome::{Counts, Outcome};
pub use plan::Plan;
pub use report::{JsonReport, Report, record_of};
