//! The state of a job, as seen by its caller.
//!
//! ```text
//!  Starting ──► Running ──► Draining ──► Stopped
//!      │            │           │
//!      └────────────┴───────────┴──────► Failed
//! ```
//!
//! * **Starting**: waits for its queue, topic and store, takes the lease, opens the sinks.
//! * **Running**: reads, computes and commits.
//! * **Draining**: a stop was requested or its bounded work is done; slots make their last commits
//!   and sinks write what is committed.
//! * **Stopped**: ended well. Everything that it did is committed.
//! * **Failed**: cannot continue. Everything before its last commit is committed; starting the job
//!   again continues from there.
//!
//! A job that is stopped while it starts goes from Starting to Stopped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seismic_pipeline::{Metrics, Parallelism, PauseToken};
use seismic_queue::Kind;
use seismic_sinks::{SinkHold, SinkMetrics};

use super::metrics::JobMetrics;
use super::stop::StopToken;
use crate::dimension::note::TableNotes;
use crate::error;
use crate::logs::SERVICE;
use crate::remedy::in_one_line;

/// What a job is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Opens what it needs.
    Starting,
    /// Reads, computes and commits.
    Running,
    /// Makes its last commits and lets the sinks catch up.
    Draining,
    /// Has ended well.
    Stopped,
    /// Has ended with an error.
    Failed {
        /// What to do about it; `None`: unknown, as after a bug in the program.
        kind: Option<Kind>,
        /// What happened, where, and what to do.
        error: String,
    },
}

impl JobState {
    /// The state in a word.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            JobState::Starting => "starting",
            JobState::Running => "running",
            JobState::Draining => "draining",
            JobState::Stopped => "stopped",
            JobState::Failed { .. } => "failed",
        }
    }

    /// What that means, or why it is so.
    #[must_use]
    pub fn why(&self) -> &str {
        match self {
            JobState::Starting => "it opens its queue, its store and its sinks",
            JobState::Running => "it reads and commits",
            JobState::Draining => "it makes its last commits, and its sinks write them",
            JobState::Stopped => "it has ended; everything that it did is committed",
            JobState::Failed { error, .. } => error,
        }
    }

    /// Whether the job has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, JobState::Stopped | JobState::Failed { .. })
    }
}

/// What a running job and its handle share.
#[derive(Debug)]
pub(super) struct Shared {
    name: String,
    state: Mutex<JobState>,
    pub metrics: Arc<Metrics>,
    /// The sinks, by their specifications, once they run.
    sinks: Mutex<Vec<(String, Arc<SinkMetrics>)>>,
    /// What is known of its tables.
    pub tables: TableNotes,
    pub stop: StopToken,
    pub pause: PauseToken,
    pub parallelism: Parallelism,
    pub sink_hold: SinkHold,
}

impl Shared {
    pub fn new(name: &str, stop: StopToken, pause: PauseToken, sink_hold: SinkHold) -> Self {
        let state = Mutex::new(JobState::Starting);
        let (metrics, sinks, tables) = (Arc::default(), Mutex::default(), TableNotes::default());
        let (name, parallelism) = (name.to_owned(), Parallelism::default());
        let shared =
            Shared { name, state, metrics, sinks, tables, stop, pause, parallelism, sink_hold };
        shared.log(&JobState::Starting);
        shared
    }

    pub fn state(&self) -> JobState {
        match &*lock(&self.state) {
            JobState::Running if self.stop.is_stopped() => JobState::Draining,
            state => state.clone(),
        }
    }

    pub fn set(&self, state: JobState) {
        self.log(&state);
        *lock(&self.state) = state;
    }

    fn log(&self, state: &JobState) {
        let (job, name, why) = (&self.name, state.name(), state.why());
        match state {
            JobState::Failed { .. } => {
                tracing::error!(target: SERVICE, "job {job} is {name}: {why}");
            }
            _ => tracing::info!(target: SERVICE, "job {job} is {name}: {why}"),
        }
    }

    /// Notes how the job has ended, the first time: threads that were left behind end later.
    pub fn end(&self, outcome: Result<(), &anyhow::Error>) {
        if self.state().is_over() {
            return;
        }
        self.set(match outcome {
            Ok(()) => JobState::Stopped,
            Err(error) => JobState::Failed { kind: error::kind(error), error: in_one_line(error) },
        });
    }

    /// Notes the sinks that run.
    pub fn set_sinks(&self, sinks: Vec<(String, Arc<SinkMetrics>)>) {
        *lock(&self.sinks) = sinks;
    }

    /// What was counted so far.
    pub fn metrics(&self) -> JobMetrics {
        JobMetrics::of(&self.metrics, &lock(&self.sinks), self.tables.all())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
