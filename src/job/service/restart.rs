//! When an ended job is restarted.

use std::time::Duration;

use clap::ValueEnum;

/// What `[restart]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    /// Whether it is restarted at all.
    pub retry: bool,
    /// Automatic starts within any hour; `None`: as many as it takes.
    pub max_per_hour: Option<u32>,
    /// Automatic starts in a row, none of which ran well; `None`: as many as it takes.
    pub max_retries: Option<u32>,
    /// Pause before the first of them; it doubles with each further one.
    pub interval: Duration,
    /// Longest pause.
    pub max_interval: Duration,
    /// Longest start; `None`: it may wait, as for its topic.
    pub start_timeout: Option<Duration>,
    /// Longest run of a job that is bounded.
    pub run_timeout: Option<Duration>,
    /// Whether a start or run that took too long is retried.
    pub retry_on_timeout: bool,
    /// Where an automatic start begins.
    pub rerun: Rerun,
    /// The checkpoint with which it begins, by number or name; `None`: the newest one.
    pub checkpoint: Option<String>,
}

/// Where an automatic start begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Rerun {
    /// Where the job was.
    #[default]
    LastCheckpoint,
    /// At its beginning, with a new group.
    FromScratch,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        RestartPolicy {
            retry: true,
            max_per_hour: Some(10),
            max_retries: None,
            interval: Duration::from_secs(1),
            max_interval: Duration::from_secs(60),
            start_timeout: None,
            run_timeout: None,
            retry_on_timeout: true,
            rerun: Rerun::LastCheckpoint,
            checkpoint: None,
        }
    }
}

impl RestartPolicy {
    /// The pause before the automatic start that follows `before` others in a row.
    #[must_use]
    pub fn pause(&self, before: u32) -> Duration {
        let doubled = 1u32.checked_shl(before.min(31)).unwrap_or(u32::MAX);
        self.interval.saturating_mul(doubled).min(self.max_interval.max(self.interval))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound() {
        let policy = RestartPolicy::default();
        let pauses: Vec<u64> = (0..8).map(|before| policy.pause(before).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(policy.pause(u32::MAX), policy.max_interval);
        let constant = RestartPolicy { max_interval: Duration::ZERO, ..policy };
        assert_eq!(constant.pause(5), constant.interval);
    }
}
