//! The clock of a job whose rows have an event time, and the windows in which its statement looks at
//! them.

use serde::{Deserialize, Serialize};

/// What the statement calls the event time of a row, ms since 1970 UTC.
pub const EVENT_TIME: &str = "event_time";

/// What it calls the first ms of a window, and the first ms behind it.
pub const WINDOW: [&str; 2] = ["window_start", "window_end"];

/// Which rows of an input are late, and which are together in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingDefinition {
    /// The clock that is followed.
    pub time: TimeBasis,
    /// How far rows of one key may be out of order in event time, ms.
    pub lateness_ms: i64,
    /// How far an event time may be ahead of the append time of its message, ms.
    pub max_ahead_ms: i64,
    /// The windows; `None`: the statement looks at each row alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowDefinition>,
}

/// The clock that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimeBasis {
    /// Event time, of a column.
    Event,
    /// Append time: when the queue accepted the message.
    Ingest,
}

/// Windows of event time, each beginning where the one before ends. What their bounds are decides which
/// rows are dead letters, so they belong to the job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowDefinition {
    /// Length, ms. They begin at multiples of it.
    pub length_ms: i64,
    /// Rows that a window of a key may have.
    pub rows_max: u64,
    /// Bytes that open windows of a partition may take with their rows.
    pub bytes_max: u64,
}

impl WindowDefinition {
    /// Windows of that length with the usual bounds.
    #[must_use]
    pub fn of_ms(length_ms: i64) -> Self {
        let (rows_max, bytes_max) = (crate::limits::WINDOW_ROWS, crate::limits::WINDOW_BYTES);
        WindowDefinition { length_ms, rows_max, bytes_max }
    }

    /// The first ms of the window of an event time.
    #[must_use]
    pub fn start_ms(&self, time_ms: i64) -> i64 {
        time_ms - time_ms.rem_euclid(self.length_ms)
    }

    /// The first ms behind a window.
    #[must_use]
    pub fn end_ms(&self, start_ms: i64) -> i64 {
        start_ms.saturating_add(self.length_ms)
    }
}
