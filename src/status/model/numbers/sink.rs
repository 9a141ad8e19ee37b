//! The numbers of one sink.

use seismic_sinks::SinkMetricsSnapshot;
use serde::{Deserialize, Serialize};

/// One sink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SinkNumbers {
    /// Its name, as in the status.
    pub sink: String,
    /// Rows written.
    pub rows: u64,
    /// Syncs that made rows durable.
    pub flushes: u64,
    /// Errors.
    pub errors: u64,
    /// Calls that failed and were retried.
    pub retries: u64,
    /// Rows that it has not written yet; `None` for one that keeps no position.
    pub lag_rows: Option<u64>,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
}

impl SinkNumbers {
    pub(super) fn of(it: &SinkMetricsSnapshot) -> SinkNumbers {
        SinkNumbers {
            sink: it.name.clone(),
            rows: it.rows,
            flushes: it.flushes,
            errors: it.errors,
            retries: it.retries,
            lag_rows: None,
            last_error: it.last_error.clone(),
        }
    }

    pub(super) fn add(&mut self, other: &SinkNumbers) {
        self.rows += other.rows;
        self.flushes += other.flushes;
        self.errors += other.errors;
        self.retries += other.retries;
        self.lag_rows = self.lag_rows.or(other.lag_rows);
        if self.last_error.is_none() {
            self.last_error.clone_from(&other.last_error);
        }
    }
}
