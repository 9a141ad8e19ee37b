//! The seam between what runs jobs and what shows them.

use super::ApiError;
use super::history::Point;
use super::model::{JobEntry, LogLine, Worker};
use crate::job::location::Location;

/// The jobs of a process or of a server.
pub trait Jobs: Send + Sync + 'static {
    /// Every job, in order of names, with what it does and its numbers now. Called for each scrape:
    /// it must not look into stores.
    fn jobs(&self) -> Vec<JobEntry>;

    /// The processes that work on them.
    fn workers(&self) -> Vec<Worker>;

    /// Where a job reads and keeps its state; `None`: there is no such job. Its status,
    /// checkpoints, sensors and dead letters are read there.
    fn location(&self, job: &str) -> Option<Location>;

    /// The topics of which messages of the job are shown. `None`: there is no such job, or nobody
    /// asks who may not read each topic.
    fn topics(&self, _job: &str) -> Option<JobTopics> {
        None
    }

    /// What the job's numbers were since `from_ms`, oldest first.
    fn history(&self, job: &str, from_ms: i64) -> Vec<Point>;

    /// The newest lines of the job's log, oldest first.
    fn logs(&self, job: &str, lines: usize) -> Vec<LogLine>;

    /// Does what someone asked for. It may return before it is done.
    ///
    /// # Errors
    /// Why not, in the caller's words.
    fn act(&self, job: &str, action: &Action) -> Result<(), ApiError>;

    /// Whether whoever runs the jobs answers.
    ///
    /// # Errors
    /// Why not.
    fn answers(&self) -> Result<(), ApiError> {
        Ok(())
    }

    /// Since when jobs are served here, ms since 1970 UTC.
    fn since_ms(&self) -> i64;

    /// How long, ms, what is read last may have waited while a job is ready.
    fn ready_lag_ms(&self) -> i64;
}

/// Topics of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobTopics {
    /// What it reads.
    pub input: String,
    /// Its rows.
    pub result: String,
    /// Its dead letters.
    pub dead: String,
}

/// What may be asked of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make the last commits and end.
    Stop,
    /// Take a checkpoint of this name and keep it.
    Savepoint(String),
}
