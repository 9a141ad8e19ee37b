//! Events of the supervisor's loop.

use super::life::ending::Ending;
use super::worker::report::Report;

/// Something to take in, for a loop over an `S`.
pub enum Event<S> {
    /// Someone wants something done or answered.
    Task(Box<dyn FnOnce(&mut S) + Send>),
    /// The worker of a job, by the number of its link.
    OfWorker(String, u64, Happening),
    /// End, or leave the workers running and end.
    End,
    /// Read levels and alarms again.
    Reload,
}

/// What happened to a worker.
pub enum Happening {
    /// It has ended.
    Ended(Ending),
    /// It says what it does.
    Reported(Box<Report>),
    /// It does not answer.
    Silent(String),
}
