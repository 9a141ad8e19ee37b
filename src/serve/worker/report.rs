//! What a worker says of itself: its state, what it has counted, and how far it is.

use serde::{Deserialize, Serialize};

use crate::job::{JobObserver, JobState};
use crate::status::numbers::JobNumbers;

/// A worker at one moment. Counts begin with the worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// `starting`, `running`, `draining`, `stopped` or `failed`.
    pub state: String,
    /// Threads that can read and compute.
    pub slots: u64,
    /// What it has counted and measured.
    pub numbers: JobNumbers,
}

impl Report {
    /// That of a job in this process, with so many slots.
    #[must_use]
    pub fn of(job: &JobObserver, slots: u64) -> Report {
        let state = match job.state() {
            JobState::Starting => "starting",
            JobState::Running => "running",
            JobState::Draining => "draining",
            JobState::Stopped => "stopped",
            JobState::Failed { .. } => "failed",
        };
        Report { state: state.to_owned(), slots, numbers: job.numbers() }
    }
}
