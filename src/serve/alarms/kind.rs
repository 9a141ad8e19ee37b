//! What an alarm may be about.

use std::fmt;

use serde::Serialize;

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The job has failed.
    Failure,
    /// It has died and is started again.
    Restart,
    /// Its newest checkpoint is old.
    Checkpoint,
    /// What it reads has waited long.
    Lag,
    /// It reads nothing.
    NoData,
    /// Many records become dead letters.
    DeadLetters,
    /// A sink does not write.
    Sink,
    /// A disk is nearly full.
    Disk,
    /// Its worker does not answer.
    Worker,
}

/// All of them, with their names.
pub const KINDS: [(Kind, &str); 9] = [
    (Kind::Failure, "failure"),
    (Kind::Restart, "restart"),
    (Kind::Checkpoint, "checkpoint"),
    (Kind::Lag, "lag"),
    (Kind::NoData, "no_data"),
    (Kind::DeadLetters, "dead_letters"),
    (Kind::Sink, "sink"),
    (Kind::Disk, "disk"),
    (Kind::Worker, "worker"),
];

impl Kind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
