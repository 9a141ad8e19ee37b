//! Sensors known to several partitions, read from the store of a job, for commands that inspect it
//! from outside, over all of its workers.
//!
//! The newest checkpoint of each partition has all of its sensors with their clocks. It is a few
//! seconds old while the job runs, and reading it costs one pass over the state. Two clocks may be
//! far apart although the records were not, so for sensors that seem to have moved the newest rows
//! are compared as well. `verify` compares all rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use compact_str::CompactString;
use seismic_queue::{JobStore, Offset, Partition, Span, View};

use crate::engine::operator::OperatorKind;
use crate::engine::row_reader::RowKey;
use crate::runner::notices::notice::{MovedSensors, Notice, SpreadSensor, SpreadSensors};
use crate::runner::notices::spread_watch::are_close;
use crate::runner::settings::Settings;
use crate::verify::TopicReader;
use crate::{Result, limits};

/// Sensors of one job by the partitions that know them, each with event times of records there, ms.
type Times = BTreeMap<CompactString, BTreeMap<Partition, (i64, i64)>>;

/// Reports sensors that several partitions know; `None` when their states have more than
/// `most_bytes`.
///
/// # Errors
/// When the store cannot be read.
pub fn notices_of_sensors(
    kind: &dyn OperatorKind,
    store: &dyn JobStore,
    view: &View,
    most_bytes: u64,
) -> Result<Option<Vec<Notice>>> {
    let newest = view.partitions.iter().filter_map(|part| part.checkpoints.last());
    if view.partitions.len() < 2 {
        return Ok(Some(Vec::new()));
    }
    if newest.map(|info| info.bytes).sum::<u64>() > most_bytes {
        return Ok(None);
    }
    let (times, reach_ms) = sensors_in_several(kind, store, view)?;
    let (mut spread, mut moved) = (Vec::new(), Vec::new());
    for (sensor, times) in times {
        let spans: Vec<_> = times.values().collect();
        let found = SpreadSensor {
            sensor: sensor.to_string(),
            partitions: times.keys().copied().collect(),
        };
        if are_close(&spans, reach_ms) { spread.push(found) } else { moved.push(found) }
    }
    if !moved.is_empty() {
        let twice = with_a_row_twice(kind, store, view, &moved)?;
        let of_both = |found: &mut SpreadSensor| twice.contains(found.sensor.as_str());
        spread.extend(moved.extract_if(.., of_both));
    }
    let mut notices = Vec::new();
    let total = spread.len() as u64;
    spread.truncate(limits::SPREAD_NAMED);
    if total > 0 {
        notices.push(Notice::Spread(SpreadSensors { named: spread, total, reach_ms }));
    }
    let total = moved.len() as u64;
    moved.truncate(limits::SPREAD_NAMED);
    if total > 0 {
        notices.push(Notice::Moved(MovedSensors { named: moved, total }));
    }
    Ok(Some(notices))
}

/// The sensors, and how close records are when they are of a spread sensor. How long the job waits
/// for silent sensors is not stored: what it waits by default is taken.
fn sensors_in_several(
    kind: &dyn OperatorKind,
    store: &dyn JobStore,
    view: &View,
) -> Result<(Times, i64)> {
    let mut first: HashMap<CompactString, (Partition, (i64, i64))> = HashMap::new();
    let (mut several, mut lateness_ms) = (Times::new(), 0);
    let Some(reader) = kind.state_reader() else { return Ok((several, lateness_ms)) };
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let Some(info) = part.checkpoints.last() else { continue };
        let number = info.manifest.checkpoint;
        // `verify` reports a damaged one; another may have been deleted meanwhile.
        let Ok(checkpoint) = store.checkpoint(partition, number) else { continue };
        let Some((lateness, keys)) = reader.keys(&checkpoint.state) else { continue };
        lateness_ms = lateness;
        for key in keys {
            if let Some(&(home, of_home)) = first.get(&key.id) {
                let of_it = several.entry(key.id).or_default();
                of_it.insert(home, of_home);
                of_it.insert(partition, key.times);
            } else if first.len() < limits::SENSORS_COMPARED {
                first.insert(key.id, (partition, key.times));
            }
        }
    }
    let idle_ms = Settings::default().idle_timeout.as_millis() as i64;
    Ok((several, lateness_ms.saturating_add(idle_ms)))
}

/// Those of the sensors of which two partitions have a row of the same window among their newest
/// ones.
fn with_a_row_twice(
    kind: &dyn OperatorKind,
    store: &dyn JobStore,
    view: &View,
    sensors: &[SpreadSensor],
) -> Result<HashSet<CompactString>> {
    let sensors: HashSet<&str> = sensors.iter().map(|found| found.sensor.as_str()).collect();
    let mut seen: HashMap<RowKey, Partition> = HashMap::new();
    let mut twice = HashSet::new();
    let Some(rows) = kind.row_reader() else { return Ok(twice) };
    for (partition, part) in view.job.input().all().zip(&view.partitions) {
        let span = part.outputs[0].span;
        let from = span.end.0.saturating_sub(limits::ROWS_COMPARED).max(span.first.0);
        let span = Span { first: Offset(from), ..span };
        let mut reader = TopicReader::open(store, view.job.main_topic(), partition, span)?;
        while reader.read(|_, value| {
            let Some(key) = rows.origin(0, value).map(|origin| origin.key) else { return };
            if sensors.contains(key.of.as_str()) {
                let sensor = key.of.clone();
                if *seen.entry(key).or_insert(partition) != partition {
                    twice.insert(sensor);
                }
            }
        })? {}
    }
    Ok(twice)
}
