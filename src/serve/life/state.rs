//! The states of a served job.
//!
//! ```text
//!  created ─► starting ─► running ◄─► degraded        paused: reads nothing, keeps its members
//!                ▲          │  ▲        │
//!                │          │  └─► paused
//!            restarting ◄───┼───────────┤
//!                           ▼           ▼
//!                        draining ─► stopped (asked for) │ finished (bounded) │ failed
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a job is doing, as its server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Submitted, and never started.
    Created,
    /// Opens what it needs.
    Starting,
    /// Reads, computes and commits.
    Running,
    /// Runs, and something is wrong with it.
    Degraded,
    /// Makes its last commits.
    Draining,
    /// Reads nothing until it is resumed.
    Paused,
    /// Has ended, and will be restarted.
    Restarting,
    /// Has done its bounded work.
    Finished,
    /// Has ended because someone asked for it.
    Stopped,
    /// Has ended, and no retry can mend it.
    Failed,
}

/// All of them, with their names.
pub const STATES: [(State, &str); 10] = [
    (State::Created, "created"),
    (State::Starting, "starting"),
    (State::Running, "running"),
    (State::Degraded, "degraded"),
    (State::Draining, "draining"),
    (State::Paused, "paused"),
    (State::Restarting, "restarting"),
    (State::Finished, "finished"),
    (State::Stopped, "stopped"),
    (State::Failed, "failed"),
];

impl State {
    /// Its name in API, metrics and logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        STATES.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// Whether nothing happens until someone asks for it.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        matches!(self, State::Created | State::Finished | State::Stopped | State::Failed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = STATES.iter().find(|(_, name)| *name == text);
        found.map(|(state, _)| *state).ok_or_else(|| format!("{text:?} is no state of a job"))
    }
}

/// A state with its history in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What the job is doing.
    pub state: State,
    /// Since when, ms since 1970 UTC.
    pub since_ms: i64,
    /// Why.
    pub why: String,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
}
