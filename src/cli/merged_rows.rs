//! Rows of a topic with the panes of each window added up.
//!
//! Most windows have one row, so only those with further ones are remembered: a first pass finds them, a
//! second one adds them up, and each is then printed in the place of its first row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{Event, Offset, Partition, Queue, Topic};

use crate::cli::exit::Usage;

/// Windows with several rows that are remembered: about 300 MB.
const MOST: usize = 1_000_000;

/// Sensor, start, end and era.
type Key = (String, i64, i64, i32);

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
        each(queue, topic, partition, (from, end), stop, |row| {
            if row.pane > 0 {
                merged.rows.insert(key(&row), None);
            }
            if merged.rows.len() > MOST {
                let text =
                    format!("more than {MOST} windows have several rows: read a part with --from");
                return Err(Usage(text).into());
            }
            Ok(())
        })?;
        if merged.rows.is_empty() {
            return Ok(merged);
        }
        each(queue, topic, partition, (from, end), stop, |row| {
            match merged.rows.get_mut(&key(&row)) {
                Some(Some(sum)) => sum.add_pane(&row),
                Some(first) => *first = Some(row),
                None => {}
            }
            Ok(())
        })?;
        Ok(merged)
    }

    /// What is printed for a row: the row, or what it and its further panes say together; `None` when
    /// that was printed before.
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
    (row.sensor_id.clone(), row.window_start_ts, row.window_end_ts, row.clock_era)
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
    let mut reader = queue.reader(topic, &[(partition, from)])?;
    let mut spare = Vec::new();
    let mut next = from;
    while next < end && !stop.load(Ordering::Relaxed) {
        match reader.read(Duration::from_millis(100), &mut spare)? {
            Event::Batch(batch) => {
                for message in batch.messages().take_while(|message| message.offset < end) {
                    if let Ok(row) = SeismicAggRecord::decode(message.value) {
                        see(row)?;
                    }
                }
                next = batch.next();
                spare.push(batch);
            }
            Event::CaughtUp(_, at) => next = next.max(at),
            _ => {}
        }
    }
    Ok(())
}
