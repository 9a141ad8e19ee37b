//! Reads a topic of rows like any other reader, and records when each row appeared.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use seismic_proto::{ClosedBy, Message as _, SeismicAggRecord};
use seismic_queue::{Event, Offset, Partition, Queue, Reader, Topic};

use super::context::PATIENCE;
use super::schedule::SeenRow;

/// A watcher at work.
pub struct RowObserver<'a> {
    reader: Box<dyn Reader>,
    given_up: &'a AtomicBool,
    /// Up to where each partition was read.
    next: Vec<Offset>,
    rows: u64,
    /// Rows that a record closed.
    seen: Vec<SeenRow>,
}

/// What was watched.
pub struct ObservedRows {
    /// All rows.
    pub rows: u64,
    /// Those that a record closed.
    pub seen: Vec<SeenRow>,
}

impl<'a> RowObserver<'a> {
    /// A watcher of a topic from `begin` on. It ends when it is `given_up`.
    pub fn new(
        queue: &dyn Queue,
        rows: &Topic,
        begin: &[(Partition, Offset)],
        given_up: &'a AtomicBool,
    ) -> anyhow::Result<RowObserver<'a>> {
        let reader = queue.reader(rows, begin)?;
        let next = begin.iter().map(|&(_, offset)| offset).collect();
        Ok(RowObserver { reader, given_up, next, rows: 0, seen: Vec::new() })
    }

    /// Watches until the rows before `ends` were seen, once those are known.
    pub fn up_to<'e>(
        mut self,
        ends: impl Fn() -> Option<&'e Vec<(Partition, Offset)>>,
    ) -> anyhow::Result<ObservedRows> {
        let is_there = |next: &[Offset], &(partition, end): &(Partition, Offset)| {
            next[partition.0 as usize] >= end
        };
        while !ends().is_some_and(|ends| ends.iter().all(|end| is_there(&self.next, end)))
            && !self.given_up.load(Ordering::Relaxed)
        {
            self.look()?;
        }
        Ok(ObservedRows { rows: self.rows, seen: self.seen })
    }

    /// Watches until that many rows were seen, once that is known.
    pub fn of(mut self, rows: impl Fn() -> Option<u64>) -> anyhow::Result<ObservedRows> {
        let mut known: Option<Instant> = None;
        while !self.given_up.load(Ordering::Relaxed) {
            if let Some(rows) = rows() {
                let since = *known.get_or_insert_with(Instant::now);
                if self.rows >= rows {
                    break;
                }
                let seen = self.rows;
                ensure!(
                    since.elapsed() < PATIENCE,
                    "{seen} of {rows} rows are where a sink puts them"
                );
            }
            self.look()?;
        }
        Ok(ObservedRows { rows: self.rows, seen: self.seen })
    }

    /// Takes what is there.
    fn look(&mut self) -> anyhow::Result<()> {
        let mut spare = Vec::new();
        let event = self.reader.read(Duration::from_millis(50), &mut spare)?;
        let at = Instant::now();
        let Event::Batch(batch) = event else { return Ok(()) };
        for message in batch.messages() {
            let row = SeismicAggRecord::decode(message.value)?;
            self.rows += 1;
            if row.closed_by() == ClosedBy::Time {
                let closing = Offset(row.closing_offset.try_into()?);
                self.seen.push(SeenRow { partition: batch.partition(), closing, at });
            }
        }
        self.next[batch.partition().0 as usize] = batch.next();
        Ok(())
    }
}
