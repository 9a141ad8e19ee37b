//! Follows partitions of a log by asking it again and again: the [`Reader`] of every backend that
//! cannot wake its readers, and what its [`Source`](crate::Source) is made of.
//!
//! Partitions take turns. When all were found at their end, the log is asked only whether anything
//! changed, with pauses that grow from [`limits::READ_PAUSE_MIN`] to [`limits::READ_PAUSE_MAX`].
//! [`Event::CaughtUp`] is said once each time a partition is read up to its end.

use std::thread;
use std::time::{Duration, Instant};

use crate::backend::assigned_source::Follow;
use crate::{Batch, Event, Offset, Partition, Reader, Result, limits};

/// A log that can be asked.
pub trait Log: Send {
    /// Fills `into`, which was reset to partition and first offset; leaves it empty at the end.
    ///
    /// # Errors
    /// `OffsetGone` below the first offset, `OffsetBeyond` above the end.
    fn fetch(&mut self, into: &mut Batch) -> Result<()>;

    /// Next offset to be written.
    fn end(&mut self, partition: Partition) -> Result<Offset>;

    /// Whether anything may have changed since the last call, asked without much cost.
    fn changed(&mut self) -> Result<bool>;

    /// As [`Source::in_flight`](crate::Source::in_flight).
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}

/// Place in one partition.
struct Cursor {
    partition: Partition,
    next: Offset,
    /// Whether `CaughtUp` was said at `next`.
    told: bool,
}

/// Reads some partitions of a log.
pub struct Follower<L> {
    log: L,
    cursors: Vec<Cursor>,
    /// Whose turn it is.
    turn: usize,
    /// All cursors were at their ends, and that was said.
    quiet: bool,
}

impl<L: Log> Follower<L> {
    /// Reads each of these partitions from its offset on.
    pub fn new(log: L, at: &[(Partition, Offset)]) -> Self {
        let mut follower = Follower { log, cursors: Vec::new(), turn: 0, quiet: false };
        follower.place(at);
        follower
    }

    fn place(&mut self, at: &[(Partition, Offset)]) {
        for &(partition, next) in at {
            self.stop(&[partition]);
            self.cursors.push(Cursor { partition, next, told: false });
        }
        self.quiet = false;
    }

    /// Asks each partition once, beginning with the one whose turn it is.
    fn ask(&mut self, spare: &mut Vec<Batch>) -> Result<Option<Event>> {
        let mut batch = spare.pop().unwrap_or_default();
        for _ in 0..self.cursors.len() {
            self.turn = (self.turn + 1) % self.cursors.len();
            let cursor = &mut self.cursors[self.turn];
            batch.reset(cursor.partition, cursor.next);
            self.log.fetch(&mut batch)?;
            // Also an empty one may go on: over what a rewind took out.
            cursor.next = batch.next();
            if !batch.is_empty() {
                cursor.told = false;
                return Ok(Some(Event::Batch(batch)));
            }
            if !cursor.told {
                cursor.told = true;
                spare.push(batch);
                return Ok(Some(Event::CaughtUp(cursor.partition, cursor.next)));
            }
        }
        spare.push(batch);
        Ok(None)
    }
}

impl<L: Log> Reader for Follower<L> {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let asked = Instant::now();
        let mut pause = limits::READ_PAUSE_MIN;
        loop {
            // Asked first: what is appended during the round is then seen as a change after it.
            if self.log.changed()? || !self.quiet {
                self.quiet = false;
                if let Some(event) = self.ask(spare)? {
                    return Ok(event);
                }
                self.quiet = true;
            }
            let left = wait.saturating_sub(asked.elapsed());
            if left.is_zero() {
                return Ok(Event::Nothing);
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(limits::READ_PAUSE_MAX);
        }
    }
}

impl<L: Log> Follow for Follower<L> {
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.place(at);
        Ok(())
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.cursors.retain(|cursor| !partitions.contains(&cursor.partition));
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.log.end(partition)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.log.in_flight()
    }
}
