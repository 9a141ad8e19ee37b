//! Inputs and actions of the state machine.

use serde::{Deserialize, Serialize};

use super::ending::Ending;
use crate::serve::pressure::Level;

/// What someone wants the job to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// Run.
    Run,
    /// Read nothing until it is resumed.
    Pause,
    /// Not run.
    Stop,
}

/// What has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Someone wants it to run.
    Start,
    /// Someone wants it to end.
    Stop,
    /// Someone wants it to read nothing; whether its worker can stay meanwhile.
    Pause {
        /// A worker of an older version cannot.
        worker_can_stay: bool,
    },
    /// Someone wants it to read again.
    Resume,
    /// Somebody of this name puts it away: it ends, and is not started.
    Archive(String),
    /// Someone brings it back. It does not run by that.
    Unarchive,
    /// The server that had its worker is gone, and so is the worker.
    Orphaned(Ending),
    /// A worker of an earlier server is there and answers.
    Adopted,
    /// A worker with other slots is to take the place of its worker.
    Replace,
    /// Its worker says what it does.
    Reported(Doing),
    /// Something is wrong with a running worker, or is so no more.
    Trouble(Option<String>),
    /// It is to work less, or more again, for jobs of higher priorities.
    Yield(Level, String),
    /// Its worker has ended.
    Ended(Ending),
    /// The server ends and takes the workers with it; the next one starts them.
    ServerEnds,
    /// Time has passed.
    Tick,
}

/// What a worker says it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Opens what it needs.
    Starting,
    /// Reads, computes and commits.
    Running,
    /// Reads nothing, and keeps its members.
    Paused,
    /// Makes its last commits.
    Draining,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Start a worker.
    Spawn,
    /// Ask the worker to end.
    Stop,
    /// End the worker at once.
    Kill,
    /// Have the worker read nothing.
    Pause,
    /// Have the worker read again, at its full speed.
    Resume,
    /// Have the worker read a part of the time.
    Slow,
}
