//! The state of a job of this process, since when, and why.

use crate::job::JobState;
use crate::time::now_ms;

/// A state with its history in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Name of the state.
    pub state: &'static str,
    /// Since when, ms since 1970 UTC.
    pub since_ms: i64,
    /// Why.
    pub why: String,
    /// The newest error.
    pub last_error: Option<String>,
}

impl Standing {
    /// A job that was started now.
    #[must_use]
    pub fn new() -> Standing {
        let job = JobState::Starting;
        let why = job.why().to_owned();
        Standing { state: job.name(), since_ms: now_ms(), why, last_error: None }
    }

    /// Takes in what the job does; whether that is something else than before.
    pub fn see(&mut self, job: &JobState) -> bool {
        if job.name() == self.state {
            return false;
        }
        (self.state, self.since_ms, self.why) = (job.name(), now_ms(), job.why().to_owned());
        if let JobState::Failed { error, .. } = job {
            self.last_error = Some(error.clone());
        }
        true
    }
}

impl Default for Standing {
    fn default() -> Self {
        Standing::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_once() {
        let mut standing = Standing::new();
        assert!(!standing.see(&JobState::Starting));
        assert!(standing.see(&JobState::Running));
        assert!(!standing.see(&JobState::Running));
        assert!(standing.see(&JobState::Failed { kind: None, error: "the disk is full".into() }));
        assert_eq!((standing.state, &*standing.why), ("failed", "the disk is full"));
        assert_eq!(standing.last_error.as_deref(), Some("the disk is full"));
    }
}
