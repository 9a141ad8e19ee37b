//! The metrics of one sink since it was started.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use seismic_queue::Offset;

/// Counts of one sink, written by its runner, once per write or flush and never per row.
#[derive(Debug, Default)]
pub struct SinkMetrics {
    name: String,
    rows: AtomicU64,
    flushes: AtomicU64,
    flush_ns: AtomicU64,
    errors: AtomicU64,
    retries: AtomicU64,
    refused: AtomicU64,
    last: Mutex<Last>,
}

#[derive(Debug, Default)]
struct Last {
    error: Option<String>,
    position: Vec<Offset>,
}

/// [`SinkMetrics`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SinkMetricsSnapshot {
    /// Name of the sink, as its positions are kept under.
    pub name: String,
    /// Rows written, durable or not yet.
    pub rows: u64,
    /// Flushes: syncs that made rows durable.
    pub flushes: u64,
    /// Time spent in them.
    pub flush_time: Duration,
    /// Failures: several in a row are one, until a call succeeds.
    pub errors: u64,
    /// Calls that failed and were retried.
    pub retries: u64,
    /// Rows that its target did not take and that were passed over.
    pub refused: u64,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
    /// Next row of each partition that is not durable in the sink.
    pub position: Vec<Offset>,
}

impl SinkMetrics {
    pub(crate) fn of(name: &str) -> SinkMetrics {
        SinkMetrics { name: name.to_owned(), ..SinkMetrics::default() }
    }

    pub(crate) fn written(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(crate) fn flushed(&self, time: Duration, position: &[Offset]) {
        self.flushes.fetch_add(1, Ordering::Relaxed);
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.flush_ns.fetch_add(ns, Ordering::Relaxed);
        self.at(position);
    }

    pub(crate) fn at(&self, position: &[Offset]) {
        position.clone_into(&mut self.last().position);
    }

    /// A row was passed over, and the sink continues from there.
    pub(crate) fn refused(&self, position: &[Offset]) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.at(position);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, error: &crate::Error) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.last().error = Some(error.to_string());
    }

    /// The counts now. They are read one after the other, so a flush may be in one and not in
    /// another.
    #[must_use]
    pub fn snapshot(&self) -> SinkMetricsSnapshot {
        let last = self.last();
        SinkMetricsSnapshot {
            name: self.name.clone(),
            rows: self.rows.load(Ordering::Relaxed),
            flushes: self.flushes.load(Ordering::Relaxed),
            flush_time: Duration::from_nanos(self.flush_ns.load(Ordering::Relaxed)),
            errors: self.errors.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            last_error: last.error.clone(),
            position: last.position.clone(),
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
