//! Rows of a topic with the panes of each window added up.
//!
//! Most windows have one row, so only those with several are kept: a first pass finds them, a
//! second one adds them up and prints each at the position of its first row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{Offset, Partition, Queue, Span, SpanReader, Topic};

use crate::cli::exit::Usage;

/// Windows with several rows that are remembered: about 300 MB.
const MOST: usize = 1_000_000;

/// Sensor, start, end, era and partition: what a spread sensor has of a window in two partitions is
/// not what panes are.
type Key = (String, i64, i64, i32, i32);

/// Windows with several rows in a part of a partition.
#[derive(Debug, Default)]
pub struct MergedRows {
    /// `None`: it is printed.
    rows: HashMap<Key, Option<SeismicAggRecord>>,
}

impl MergedRows {
    /// Those of the rows in `[from, end)`.
    ///
    /// # Errors
    /// When the topic cannot be read, or there are too many of them.
    pub fn read(
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        (from, end): (Offset, Offset),
        stop: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let mut merged = MergedRows::default();
        let part = (from, end);
        each(queue, topic, partition, part, stop, |row| merged.note(&row))?;
        if !merged.rows.is_empty() {
            each(queue, topic, partition, part, stop, |row| {
                merged.add(row);
                Ok(())
            })?;
        }
        Ok(merged)
    }

    /// Those of rows that can be gone through twice.
    ///
    /// # Errors
    /// The first error among them, or when there are too many.
    pub fn of<I: Iterator<Item = anyhow::Result<SeismicAggRecord>>>(
        rows: impl Fn() -> I,
    ) -> anyhow::Result<Self> {
        let mut merged = MergedRows::default();
        rows().try_for_each(|row| merged.note(&row?))?;
        if !merged.rows.is_empty() {
            for row in rows() {
                merged.add(row?);
            }
        }
        Ok(merged)
    }

    /// Remembers the window of a further row.
    fn note(&mut self, row: &SeismicAggRecord) -> anyhow::Result<()> {
        if row.pane > 0 {
            self.rows.insert(key(row), None);
        }
        if self.rows.len() > MOST {
            let text = format!("more than {MOST} windows have several rows: read a part of them");
            return Err(Usage(text).into());
        }
        Ok(())
    }

    /// Adds a row of a window that is remembered.
    fn add(&mut self, row: SeismicAggRecord) {
        match self.rows.get_mut(&key(&row)) {
            Some(Some(sum)) => sum.add_pane(&row),
            Some(first) => *first = Some(row),
            None => {}
        }
    }

    /// As [`MergedRows::value`], of a row.
    pub fn row(&mut self, row: SeismicAggRecord) -> Option<SeismicAggRecord> {
        match self.rows.get_mut(&key(&row)) {
            None => Some(row),
            Some(sum) => sum.take(),
        }
    }

    /// What is printed for a row: the row, or what it and its further panes say together; `None`
    /// when that was printed before.
    pub fn value<'a>(&mut self, value: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        let plain = Some(Cow::Borrowed(value));
        if self.rows.is_empty() {
            return plain;
        }
        let Ok(row) = SeismicAggRecord::decode(value) else { return plain };
        match self.rows.get_mut(&key(&row)) {
            None => plain,
            Some(sum) => sum.take().map(|sum| Cow::Owned(sum.encode_to_vec())),
        }
    }
}

fn key(row: &SeismicAggRecord) -> Key {
    let SeismicAggRecord { window_start_ts, window_end_ts, clock_era, input_partition, .. } = *row;
    (row.sensor_id.clone(), window_start_ts, window_end_ts, clock_era, input_partition)
}

/// Calls `see` with every row of `[from, end)`; what is no row is left out.
fn each(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    (from, end): (Offset, Offset),
    stop: &AtomicBool,
    mut see: impl FnMut(SeismicAggRecord) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let span = Span { first: from, end };
    let mut reader = SpanReader::new(queue, topic, partition, span)?;
    while !reader.is_at_end() && !stop.load(Ordering::Relaxed) {
        reader.read(Duration::from_millis(100), |message| {
            SeismicAggRecord::decode(message.value).map_or(Ok(()), &mut see)
        })?;
    }
    Ok(())
}
