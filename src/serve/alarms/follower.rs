//! Follows the topics of one job for alarms on rows and on sensors, on a thread of its own: a broker that
//! does not answer keeps neither the server nor other jobs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_proto::{Row, Schema, ValueRef};
use seismic_queue::{Batch, Event, JobStore, Offset, Partition, Reader, Topic};
use seismic_sinks::{RowAt, RowDecoder};

use super::rows::{Matched, QUOTED};
use crate::job::location::Location;
use crate::job::service::RowAlarm;
use crate::serve::limits;
use crate::status::sensors;
use crate::time::now_ms;

/// How far topics are followed: the next offset of each partition.
pub type Places = BTreeMap<String, Vec<u64>>;

/// What is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where the job is.
    pub location: Location,
    /// Topic of its rows.
    pub result_topic: String,
    /// Alarms on rows.
    pub rows: Vec<RowAlarm>,
    /// Sensors of which rows are expected.
    pub sensors: Vec<String>,
    /// Whether clocks are looked at.
    pub clocks: bool,
}

impl Wanted {
    /// Whether there is anything to follow.
    #[must_use]
    pub fn is_anything(&self) -> bool {
        !self.rows.is_empty() || !self.sensors.is_empty() || self.clocks
    }
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Rows of each alarm on rows since this was taken last.
    pub rows: Vec<Matched>,
    /// Since when rows of sensors are followed.
    pub since_ms: Option<i64>,
    /// When each expected sensor had its newest row.
    pub last_ms: BTreeMap<String, i64>,
    /// Offsets of clocks that are wrong, ms, once they were looked at.
    pub clocks: Option<BTreeMap<String, i64>>,
    /// How far rows are followed.
    pub places: Places,
}

/// The thread. Dropping it ends it, when its broker answers.
pub struct Follower {
    wanted: Wanted,
    found: Arc<Mutex<Found>>,
    is_over: Arc<AtomicBool>,
}

impl Follower {
    /// Follows from these places on; topics without one from their ends.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(job: &str, wanted: Wanted, places: Places) -> std::io::Result<Follower> {
        let first =
            Found { rows: vec![Matched::default(); wanted.rows.len()], places, ..Found::default() };
        let (found, is_over) = (Arc::new(Mutex::new(first)), Arc::new(AtomicBool::new(false)));
        let (job, of_thread) = (job.to_owned(), wanted.clone());
        let (told, over) = (Arc::clone(&found), Arc::clone(&is_over));
        let follow = move || follow_until(&job, &of_thread, &told, &over);
        thread::Builder::new().name("alarm rows".to_owned()).spawn(follow)?;
        Ok(Follower { wanted, found, is_over })
    }

    /// What it follows.
    #[must_use]
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// What was found, with the rows since the last time.
    #[must_use]
    pub fn take(&self) -> Found {
        let mut found = lock(&self.found);
        let taken = found.clone();
        found.rows.fill(Matched::default());
        taken
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn lock(found: &Mutex<Found>) -> std::sync::MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

fn follow_until(job: &str, wanted: &Wanted, found: &Mutex<Found>, is_over: &AtomicBool) {
    let (mut said, mut clocks_at) = (None, None::<Instant>);
    while !is_over.load(Ordering::Relaxed) {
        if let Err(error) = follow(wanted, found, is_over, &mut clocks_at) {
            let why = format!("{error:#}");
            // A job that has not begun has no topics yet.
            if said.as_ref() != Some(&why) {
                tracing::info!("job {job}: its rows cannot be followed for alarms yet: {why}");
                said = Some(why);
            }
        }
        thread::sleep(limits::FOLLOW_AGAIN);
    }
}

/// Follows until something fails, or it is over.
fn follow(
    wanted: &Wanted,
    found: &Mutex<Found>,
    is_over: &AtomicBool,
    clocks_at: &mut Option<Instant>,
) -> anyhow::Result<()> {
    let store = wanted.location.open_store()?;
    let mut topics: Vec<Followed> = Vec::new();
    let mut names: Vec<&str> = wanted.rows.iter().map(|it| &*it.topic).collect();
    if !wanted.sensors.is_empty() {
        names.push(&wanted.result_topic);
    }
    names.sort_unstable();
    names.dedup();
    for name in names {
        topics.push(Followed::open(&*store, wanted, name, found)?);
    }
    while !is_over.load(Ordering::Relaxed) {
        if wanted.clocks && clocks_at.is_none_or(|at| at.elapsed() >= limits::CLOCKS_EVERY) {
            *clocks_at = Some(Instant::now());
            let offsets = sensors::wrong_clocks(&wanted.location, &*store)?;
            lock(found).clocks = Some(offsets);
        }
        let mut has_read = false;
        for topic in &mut topics {
            has_read |= topic.turn(found)?;
        }
        if !has_read {
            thread::sleep(limits::FOLLOW_EVERY);
        }
    }
    Ok(())
}

/// A topic that is followed.
struct Followed {
    topic: Topic,
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    /// Alarms on its rows, by their number.
    alarms: Vec<(usize, RowDecoder)>,
    /// What reads rows of expected sensors.
    sensors: Option<(RowDecoder, Vec<String>)>,
}

impl Followed {
    fn open(
        store: &dyn JobStore,
        wanted: &Wanted,
        name: &str,
        found: &Mutex<Found>,
    ) -> anyhow::Result<Followed> {
        let queue = store.topics();
        let topic = queue.topic(name)?;
        let spans = queue.spans(&topic)?;
        let has_sensors = !wanted.sensors.is_empty() && name == wanted.result_topic;
        let mut all = lock(found);
        let known = all.places.get(name).filter(|known| known.len() == spans.len());
        let next: Vec<u64> = match known {
            // What was deleted since then, or is of a topic that was made again, is not there.
            Some(known) => known
                .iter()
                .zip(&spans)
                .map(|(&next, span)| next.clamp(span.first.0, span.end.0))
                .collect(),
            None => spans.iter().map(|span| span.end.0).collect(),
        };
        if has_sensors {
            all.since_ms.get_or_insert(now_ms());
        }
        all.places.insert(name.to_owned(), next.clone());
        drop(all);
        let at: Vec<(Partition, Offset)> = topic
            .all()
            .zip(next.iter().zip(&spans))
            .map(|(partition, (&next, span))| {
                // A sensor may have had its newest row a while ago.
                let before = if has_sensors { limits::ROWS_BEFORE } else { 0 };
                (partition, Offset(next.saturating_sub(before)).max(span.first))
            })
            .collect();
        let alarms = wanted.rows.iter().enumerate().filter(|(_, it)| it.topic == name);
        let alarms = alarms.map(|(number, it)| Ok((number, it.decoder()?)));
        let alarms = alarms.collect::<anyhow::Result<_>>()?;
        let sensors =
            has_sensors.then(|| (RowDecoder::new(name, Schema::windows()), wanted.sensors.clone()));
        let reader = queue.reader(&topic, &at)?;
        Ok(Followed { topic, reader, spare: Vec::new(), alarms, sensors })
    }

    /// Reads what there is; whether there was something.
    fn turn(&mut self, found: &Mutex<Found>) -> anyhow::Result<bool> {
        let wait = Duration::from_millis(10);
        let Event::Batch(batch) = self.reader.read(wait, &mut self.spare)? else {
            return Ok(false);
        };
        let place = batch.partition().0 as usize;
        let from = {
            let all = lock(found);
            all.places.get(&self.topic.name).and_then(|it| it.get(place)).copied()
        };
        let from = Offset(from.context("a partition that was not there")?);
        let mut matched = Vec::new();
        for (number, decoder) in &mut self.alarms {
            let mut one = Matched::default();
            for row in decoder.decode(&batch)?.iter().filter(|row| row.offset >= from) {
                one.count += 1;
                if one.quoted.len() < QUOTED {
                    one.quoted.push(in_words(&row));
                }
            }
            matched.push((*number, one));
        }
        let mut last = Vec::new();
        if let Some((decoder, sensors)) = &mut self.sensors {
            let rows = decoder.decode(&batch)?;
            for (row, message) in rows.iter().zip(rows.messages()) {
                if let Row::Window(window) = row.row
                    && sensors.iter().any(|it| **it == *window.sensor_id)
                {
                    last.push((window.sensor_id.to_string(), message.append_ms));
                }
            }
        }
        // All of it at once: whoever takes it has the rows before the place, and no others.
        let mut all = lock(found);
        for (number, one) in matched {
            all.rows[number].add(one);
        }
        for (sensor, at_ms) in last {
            let newest = all.last_ms.entry(sensor).or_insert(at_ms);
            *newest = at_ms.max(*newest);
        }
        let next = batch.next().max(from).0;
        if let Some(known) = all.places.get_mut(&self.topic.name) {
            known[place] = next;
        }
        drop(all);
        self.spare.push(batch);
        Ok(true)
    }
}

/// Columns of a row that a message quotes, where it has them.
const QUOTED_COLUMNS: [&str; 6] = [
    "sensor_id",
    "window_start_ts",
    "window_end_ts",
    "avg_amplitude",
    "max_amplitude",
    "min_amplitude",
];

fn in_words(row: &RowAt<'_>) -> String {
    let schema = Schema::windows();
    let columns = QUOTED_COLUMNS.iter().filter_map(|name| schema.index_of(name));
    let words = columns.filter_map(|place| {
        let column = &schema.columns()[place];
        match row.row.get(place) {
            ValueRef::Null => None,
            value => Some(column.show_named(value)),
        }
    });
    words.collect::<Vec<_>>().join(", ")
}
