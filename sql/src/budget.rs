//! What one run of a statement has taken, what it may take, and why it was ended.
//!
//! Steps and rows are counted, not measured by a clock: where a statement ends is the same in every
//! run. Memory and the caller's stop are not; they only ever end a run, and decide nothing else.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::table::{ScanError, Table};
use crate::{heap, limits};

/// Shared by the engine, its virtual tables, and what SQLite calls every so many steps.
#[derive(Debug, Default)]
pub struct Budget {
    stop: Arc<AtomicBool>,
    memory_bytes: u64,
    /// What SQLite had when the run began.
    memory_before: AtomicU64,
    /// Bytes that indexes of tables hold.
    indexed: AtomicU64,
    looks: AtomicU64,
    rows: AtomicU64,
    nans: AtomicU64,
    ended_by: Mutex<Option<Ended>>,
}

/// Why a run was ended.
#[derive(Debug)]
enum Ended {
    Stopped,
    Steps,
    Memory,
    Scans { table: String, max: u64 },
    Scan { table: String, source: ScanError },
}

impl Budget {
    /// Of runs that `stop` stops, and that keep at most so much.
    pub fn new(stop: Arc<AtomicBool>, memory_bytes: u64) -> Self {
        Budget { stop, memory_bytes, ..Budget::default() }
    }

    /// A run begins.
    pub fn begin(&self) {
        self.memory_before.store(heap::used_bytes(), Relaxed);
        for count in [&self.indexed, &self.looks, &self.rows, &self.nans] {
            count.store(0, Relaxed);
        }
        self.take_end();
    }

    /// Some steps were taken; whether the run is to end.
    pub fn look(&self) -> bool {
        let looks = self.looks.fetch_add(1, Relaxed) + 1;
        let rows = self.rows.load(Relaxed);
        let steps_max = limits::STEPS.saturating_add(rows.saturating_mul(limits::STEPS_PER_ROW));
        let end = if self.stop.load(Relaxed) {
            Ended::Stopped
        } else if steps(looks) > steps_max {
            Ended::Steps
        } else if self.keeps_too_much() {
            Ended::Memory
        } else {
            return false;
        };
        self.end(end);
        true
    }

    /// An index holds so many bytes more; whether that is too much.
    pub fn index(&self, more_bytes: u64) -> bool {
        self.indexed.fetch_add(more_bytes, Relaxed);
        let is_too_much = self.keeps_too_much();
        if is_too_much {
            self.end(Ended::Memory);
        }
        is_too_much
    }

    fn keeps_too_much(&self) -> bool {
        let of_sqlite = heap::used_bytes().saturating_sub(self.memory_before.load(Relaxed));
        of_sqlite.saturating_add(self.indexed.load(Relaxed)) > self.memory_bytes
    }

    /// So many rows of a table were read.
    pub fn read(&self, rows: usize) {
        self.rows.fetch_add(rows as u64, Relaxed);
    }

    /// A NaN was read.
    pub fn see_nan(&self) {
        self.nans.fetch_add(1, Relaxed);
    }

    /// A table cannot be read on.
    pub fn fail(&self, table: &dyn Table, source: ScanError) {
        let table = table.name().to_owned();
        let stopped = self.stop.load(Relaxed);
        self.end(if stopped { Ended::Stopped } else { Ended::Scan { table, source } });
    }

    /// A table was read more often than it may.
    pub fn fail_scans(&self, table: &dyn Table) {
        self.end(Ended::Scans { table: table.name().to_owned(), max: table.scans_max() });
    }

    /// Rows read from all tables, and NaNs among their values.
    pub fn counts(&self) -> (u64, u64) {
        (self.rows.load(Relaxed), self.nans.load(Relaxed))
    }

    /// The error of a run that was ended; `None` when none was.
    pub fn error(&self) -> Option<Error> {
        let rows = self.rows.load(Relaxed);
        Some(match self.take_end()? {
            Ended::Stopped => Error::Stopped { rows },
            Ended::Steps => Error::Steps { steps: steps(self.looks.load(Relaxed)), rows },
            Ended::Memory => Error::Memory { bytes: self.memory_bytes, rows },
            Ended::Scans { table, max } => Error::Scans { table, max },
            Ended::Scan { table, source } => Error::Scan { table, source },
        })
    }

    /// The first reason counts.
    fn end(&self, why: Ended) {
        let mut ended = self.ended_by.lock().unwrap_or_else(PoisonError::into_inner);
        ended.get_or_insert(why);
    }

    fn take_end(&self) -> Option<Ended> {
        self.ended_by.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn steps(looks: u64) -> u64 {
    looks.saturating_mul(limits::STEPS_BETWEEN_LOOKS.unsigned_abs().into())
}
