//! A trial of a job with a statement in SQL: its input through the real operator, with its tables as
//! they are, in memory. What comes of it is in the order of the input.

mod input;
mod outcome;
mod rows;

pub use input::{read_lines, read_windows};
pub use outcome::StatementOutcome;
pub use rows::{differences, expected};

use std::sync::atomic::AtomicBool;

use super::arrival::Arrival;
use super::run::run_in_memory;
use crate::job::{JobSpec, StopToken};

/// Runs a job on these messages to their end; `None` when it was stopped.
///
/// # Errors
/// Why the job failed, as when a table cannot be read.
pub fn run(
    spec: &JobSpec,
    messages: &[Arrival],
    partitions: u32,
    stop: StopToken,
    is_stopped: &AtomicBool,
) -> anyhow::Result<Option<StatementOutcome>> {
    let mut spec = spec.clone();
    if let Some(definition) = &mut spec.statement {
        // What it reads is in the queue of the trial, whoever has made it.
        definition.input.of = None;
    }
    let ran = run_in_memory(&spec, messages, partitions, stop, is_stopped)?;
    ran.map(|spec| StatementOutcome::read(&spec)).transpose()
}
