//! A trial of a job with a statement in SQL: its input through the real operator, with its tables as
//! they are, in memory. What comes of it is in the order of the input.

mod input;
mod outcome;
mod plan;
mod report;
mod rows;

pub use outcome::StatementOutcome;
pub use plan::{StatementPlan, check_inputs, read_files};
pub use report::StatementReport;
pub use rows::expected;
