//! The kinds of alarms.

use std::fmt;

use serde::Serialize;

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The job has failed.
    Failure,
    /// It has died and is restarted.
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
    /// A table that it looks things up in cannot be read.
    Table,
    /// A disk is nearly full.
    Disk,
    /// Its worker does not answer.
    Worker,
    /// There are rows of a topic that someone waits for.
    Rows,
    /// There are no rows of a sensor of which some are expected.
    SensorNoData,
    /// The clock of a sensor is wrong.
    ClockOffset,
    /// It works less, for jobs of higher priorities.
    Pressure,
    /// Its number of workers is not what it should be, or cannot be known.
    Scaling,
}

/// All of them, with their names.
pub const KINDS: [(Kind, &str); 15] = [
    (Kind::Failure, "failure"),
    (Kind::Restart, "restart"),
    (Kind::Checkpoint, "checkpoint"),
    (Kind::Lag, "lag"),
    (Kind::NoData, "no_data"),
    (Kind::DeadLetters, "dead_letters"),
    (Kind::Sink, "sink"),
    (Kind::Table, "table"),
    (Kind::Disk, "disk"),
    (Kind::Worker, "worker"),
    (Kind::Rows, "rows"),
    (Kind::SensorNoData, "sensor_no_data"),
    (Kind::ClockOffset, "clock_offset"),
    (Kind::Pressure, "pressure"),
    (Kind::Scaling, "scaling"),
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
