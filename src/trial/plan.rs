//! From records that were read to a report: what is done to them, the job that reads them, and what is
//! expected of its rows.

use std::sync::atomic::{AtomicBool, Ordering};

use super::comparison::Comparison;
use super::disturbance::{Disturbances, Disturbed};
use super::expected::Expected;
use super::input::LoadedInput;
use super::report::Report;
use super::run::run;
use crate::error::Usage;
use crate::job::options::Clock;
use crate::job::{JobSpec, StopToken};

/// What is done with the records of an input.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What a network does to them.
    pub disturbances: Disturbances,
    /// Rows that the job is to give.
    pub expected: Option<Expected>,
    /// How far decimals may be from expected ones: absolutely up to 1, relatively above.
    pub tolerance: f64,
}

impl Plan {
    /// Whether the job can be tried, and so compared.
    ///
    /// # Errors
    /// [`Usage`] with why not.
    pub fn check(&self) -> Result<(), Usage> {
        if self.tolerance.is_nan() || self.tolerance < 0.0 {
            return Err(Usage(format!("tolerance {}: it is no number from 0 on", self.tolerance)));
        }
        Ok(())
    }

    /// Runs the job on what was read; `None` when it was stopped.
    ///
    /// # Errors
    /// [`Usage`] for a delay of a sensor that has no record, and why the job failed.
    pub fn run(
        &self,
        spec: &JobSpec,
        loaded: LoadedInput,
        of_job: StopToken,
        stop: &AtomicBool,
    ) -> anyhow::Result<Option<Report>> {
        let LoadedInput { arrivals, partitions, summary, is_of_parts } = loaded;
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(sensor) = self.disturbances.unknown(&arrivals.all).first() {
            let why = format!("delay of {sensor}: no record of the input is of this sensor");
            return Err(Usage(why).into());
        }
        let is_in_order = self.disturbances.are_none()
            && !arrivals.is_told
            && !is_of_parts
            && spec.time == Clock::Event;
        let (messages, disturbed) = match is_in_order {
            true => (arrivals.all, Disturbed::default()),
            false => self.disturbances.apply(arrivals.all),
        };
        let Some(outcome) = run(spec, &messages, partitions, of_job, stop)? else {
            return Ok(None);
        };
        drop(messages);
        let compare = |expected| Comparison::of(&outcome.rows, expected, self.tolerance);
        let comparison = self.expected.as_ref().map(compare);
        Ok(Some(Report { outcome, summary, disturbed, comparison }))
    }
}
