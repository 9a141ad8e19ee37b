//! Years of a job in seconds: the real [`crate::decide`] against a model of a job whose capacity and
//! whose cost of a change are parameters. Pure: the same seed gives the same year.

mod chart;
mod comparison;
mod job;
mod random;
mod run;
mod year;

pub use chart::{Chart, Line};
pub use comparison::{Comparison, Contender, QUIET_SHARE, both_policies, compare};
pub use job::{Job, Plant};
pub use random::Random;
pub use run::{Load, Outcome, Trace, run};
pub use year::Year;
