//! Reads partitions of a log by polling it: the [`Reader`] and [`Source`](crate::Source) of every
//! backend that cannot notify its readers.
//!
//! Partitions take turns. When all are at their end, the log is polled only for changes, with
//! pauses that grow from [`limits::READ_PAUSE_MIN`] to [`limits::READ_PAUSE_MAX`].
//! [`Event::CaughtUp`] is given once each time a partition is read up to its end.

use std::thread;
use std::time::{Duration, Instant};

use crate::backend::assigned_source::AssignableReader;
use crate::{Batch, Event, Offset, Partition, Reader, Result, limits};

/// A log that can be polled.
pub trait Log: Send {
    /// Fills `into`, which was reset to partition and first offset; leaves it empty at the end.
    ///
    /// # Errors
    /// `OffsetGone` below the first offset, `OffsetBeyond` above the end.
    fn fetch(&mut self, into: &mut Batch) -> Result<()>;

    /// Next offset to be written.
    fn end(&mut self, partition: Partition) -> Result<Offset>;

    /// Whether anything may have changed since the last call. Costs little.
    fn changed(&mut self) -> Result<bool>;

    /// As [`Source::in_flight`](crate::Source::in_flight).
    fn in_flight(&mut self) -> Result<Duration>;
}

/// Position in one partition.
struct PolledPartition {
    partition: Partition,
    next: Offset,
    /// Whether `CaughtUp` was given at `next`.
    is_caught_up: bool,
}

/// Reads some partitions of a log.
pub struct PollingReader<L> {
    log: L,
    cursors: Vec<PolledPartition>,
    /// Index of the cursor whose turn it is.
    turn: usize,
    /// All cursors were at their ends, and `CaughtUp` was given for each.
    is_idle: bool,
}

impl<L: Log> PollingReader<L> {
    /// Reads each of these partitions from its offset on.
    pub fn new(log: L, at: &[(Partition, Offset)]) -> Self {
        let mut reader = PollingReader { log, cursors: Vec::new(), turn: 0, is_idle: false };
        reader.seek(at);
        reader
    }

    fn seek(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, next) in at {
            self.stop(&[partition]);
            self.cursors.push(PolledPartition { partition, next, is_caught_up: false });
        }
        self.is_idle = false;
    }

    /// Fetches from each partition once, beginning with the one whose turn it is.
    fn fetch_next(&mut self, spare: &mut Vec<Batch>) -> Result<Option<Event>> {
        let mut batch = spare.pop().unwrap_or_default();
        for _ in 0..self.cursors.len() {
            self.turn = (self.turn + 1) % self.cursors.len();
            let cursor = &mut self.cursors[self.turn];
            batch.reset(cursor.partition, cursor.next);
            self.log.fetch(&mut batch)?;
            // An empty batch may advance too: over what a rewind removed.
            cursor.next = batch.next();
            if !batch.is_empty() {
                cursor.is_caught_up = false;
                return Ok(Some(Event::Batch(batch)));
            }
            if !cursor.is_caught_up {
                cursor.is_caught_up = true;
                spare.push(batch);
                return Ok(Some(Event::CaughtUp(cursor.partition, cursor.next)));
            }
        }
        spare.push(batch);
        Ok(None)
    }
}

impl<L: Log> Reader for PollingReader<L> {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let began = Instant::now();
        let mut pause = limits::READ_PAUSE_MIN;
        loop {
            // First: what is appended during the round is then seen as a change after it.
            if self.log.changed()? || !self.is_idle {
                self.is_idle = false;
                if let Some(event) = self.fetch_next(spare)? {
                    return Ok(event);
                }
                self.is_idle = true;
            }
            let left = wait.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(Event::Nothing);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(limits::READ_PAUSE_MAX);
        }
    }
}

impl<L: Log> AssignableReader for PollingReader<L> {
    /// Whoever could open the log can read it.
    fn check_reachable(&mut self, _: &[Partition]) -> Result<()> {
        Ok(())
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.seek(at);
        Ok(())
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.cursors.retain(|cursor| !partitions.contains(&cursor.partition));
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        partitions.iter().map(|&partition| self.log.end(partition)).collect()
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.log.in_flight()
    }
}
