//! The report of a worker: its state, its counts and its progress.

use serde::{Deserialize, Serialize};

use crate::job::{JobObserver, JobState};
use crate::status::numbers::JobNumbers;
use crate::status::sink_lags::{self, SinkLags};

/// A worker at one moment. Counts begin with the worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `starting`, `running`, `draining`, `stopped` or `failed`.
    pub state: String,
    /// Whether it is to read nothing.
    pub is_paused: bool,
    /// Whether it is to read a part of the time.
    pub is_slowed: bool,
    /// Whether its sinks are to write nothing.
    pub holds_sinks: bool,
    /// Threads that can read and compute.
    pub slots: u64,
    /// What it has counted and measured.
    pub numbers: JobNumbers,
}

impl Report {
    /// That of a job in this process, with that many slots.
    #[must_use]
    pub fn of(job: &JobObserver, slots: u64, sink_lags: &SinkLags) -> Report {
        let state = match job.state() {
            JobState::Starting => "starting",
            JobState::Running => "running",
            JobState::Draining => "draining",
            JobState::Stopped => "stopped",
            JobState::Failed { .. } => "failed",
        };
        let mut numbers = job.numbers();
        sink_lags::put_into(&mut numbers, sink_lags);
        Report {
            state: state.to_owned(),
            is_paused: job.is_paused(),
            is_slowed: false,
            holds_sinks: job.holds_sinks(),
            slots,
            numbers,
        }
    }
}
