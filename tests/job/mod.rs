//! Jobs: cleaning, late and lost records, job files, roll-ups, repartitioning, and their status.

mod busy;
mod cleaning;
pub mod clock_jumps;
pub mod counts;
pub mod dimension;
mod durable;
#[cfg(feature = "wasm")]
pub mod functions;
mod job_file;
mod jobs;
pub mod join;
mod loss;
mod old_stores;
mod origin;
mod rejecting;
pub mod repartition;
mod rollup;
pub mod second_kind;
pub mod statement;
mod topic_table;
