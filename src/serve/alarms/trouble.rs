//! Errors that prevent following a topic, and when they are reported.

use std::time::Instant;

use crate::serve::limits;

/// The newest failures of one thing.
pub(super) struct Trouble {
    what: String,
    since: Option<Instant>,
    newest: Option<Instant>,
    said: Option<String>,
}

impl Trouble {
    /// There was none yet with that.
    pub(super) fn of(what: &str) -> Trouble {
        Trouble { what: what.to_owned(), since: None, newest: None, said: None }
    }

    /// It has failed. That is said once it lasts: a job that has just begun has no topics yet.
    pub(super) fn see(&mut self, job: &str, error: &anyhow::Error) {
        let now = Instant::now();
        self.newest = Some(now);
        let lasts = now - *self.since.get_or_insert(now) >= limits::FOLLOW_PATIENCE;
        let why = format!("{error:#}");
        if lasts && self.said.as_ref() != Some(&why) {
            let what = &self.what;
            tracing::warn!("job {job}: {what} cannot be followed for alarms, which miss it: {why}");
            self.said = Some(why);
        }
    }

    /// Whether it has failed so lately that it is not retried yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.newest.is_some_and(|at| at.elapsed() < limits::FOLLOW_AGAIN)
    }

    /// It works.
    pub(super) fn is_over(&mut self) {
        (self.since, self.newest, self.said) = (None, None, None);
    }
}
