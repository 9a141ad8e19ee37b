//! From messages of a statement's input to a report.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use seismic_derived::InputFormat;
use serde_json::{Map, Value};

use super::input::{read_lines, read_windows};
use super::outcome::StatementOutcome;
use super::report::StatementReport;
use super::rows::differences;
use crate::error::Usage;
use crate::job::{JobSpec, StopToken};
use crate::trial::arrival::Arrival;
use crate::trial::run::run_in_memory;

/// What rows are expected of a statement, and how near.
#[derive(Clone, Debug, Default)]
pub struct StatementPlan {
    /// Rows that the statement is to give, in the order of the input.
    pub expected: Option<Vec<Map<String, Value>>>,
    /// How far numbers may be from expected ones: absolutely up to 1, relatively above.
    pub tolerance: f64,
}

impl StatementPlan {
    /// Whether rows can be compared so.
    ///
    /// # Errors
    /// [`Usage`] with why not.
    pub fn check(&self) -> Result<(), Usage> {
        match self.tolerance.is_nan() || self.tolerance < 0.0 {
            true => Err(Usage(format!("tolerance {}: it is no number from 0 on", self.tolerance))),
            false => Ok(()),
        }
    }

    /// Runs a job on these messages to their end; `None` when it was stopped.
    ///
    /// # Errors
    /// Why the job failed, as when a table cannot be read, and [`Usage`] for an expected row with a
    /// column that no row can have.
    pub fn run(
        &self,
        spec: &JobSpec,
        messages: &[Arrival],
        partitions: u32,
        stop: StopToken,
        is_stopped: &AtomicBool,
    ) -> anyhow::Result<Option<StatementReport>> {
        let mut spec = spec.clone();
        if let Some(definition) = &mut spec.statement {
            // What it reads is in the queue of the trial, whoever has made it.
            definition.input.of = None;
        }
        let ran = run_in_memory(&spec, messages, partitions, stop, is_stopped)?;
        let Some(ran) = ran else { return Ok(None) };
        let outcome = StatementOutcome::read(&ran)?;
        let columns = spec.statement.iter().flat_map(|it| &it.output.columns);
        let columns: Vec<String> = columns.map(|column| column.name.clone()).collect();
        let compare =
            |wanted: &Vec<_>| differences(wanted, &outcome.rows, (&columns, self.tolerance));
        let differences = self.expected.as_ref().map(compare).transpose()?;
        Ok(Some(StatementReport { outcome, differences }))
    }
}

/// Whether a job can be tried: it reads one topic.
///
/// # Errors
/// [`Usage`] with what to do instead.
pub fn check_inputs(spec: &JobSpec) -> Result<(), Usage> {
    match spec.statement.as_ref().is_some_and(|definition| definition.join.is_some()) {
        true => Err(Usage(
            "the job joins two topics, and a test gives one: run it in a folder of its own, as \
             docs/sql-examples.md does"
                .to_owned(),
        )),
        false => Ok(()),
    }
}

/// Files as messages of what a job with a statement reads: rows of windows, or lines.
///
/// # Errors
/// What cannot be read, and more than fits.
pub fn read_files(spec: &JobSpec, files: &[PathBuf]) -> anyhow::Result<Vec<Arrival>> {
    let is_windows = |it: &_| matches!(it, InputFormat::Windows);
    let mut messages = match spec.statement.as_ref().is_some_and(|it| is_windows(&it.input.format))
    {
        true => read_windows(files)?,
        false => read_lines(files)?,
    };
    if spec.statement.as_ref().is_some_and(|it| it.timing.is_some()) {
        // How far event times are ahead is told by when lines are appended, which is now.
        let now_ms = crate::time::now_ms();
        messages.iter_mut().for_each(|message| message.at_ms = now_ms);
    }
    Ok(messages)
}
