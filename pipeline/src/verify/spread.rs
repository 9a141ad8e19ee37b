//! Rows of one key in several partitions: what proofs of single partitions cannot find.
//!
//! A sensor whose records are spread over partitions gets rows in each of them, all of which follow
//! from the log, and none of which is whole. So the keys of rows must be unique over all partitions
//! too. Sensors are compared first, by hash: 16 bytes each. Only keys of sensors with rows in
//! several partitions are held, at most [`limits::SPREAD_KEYS`] at once; where there may be more,
//! the topics are read again for each further part of the keys.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use seismic_proto::{Message as _, SeismicAggRecord};
use seismic_queue::{JobStore, Partition, View};

use super::difference_reporter::DifferenceReporter;
use super::report::{Report, SpreadRows};
use super::sensor_partitions::SensorPartitions;
use super::topic_reader::TopicReader;
use crate::engine::windows::output::ROLLUP;
use crate::{Result, limits};

/// Compares the keys of sensors that have rows in several partitions.
pub(super) fn compare(
    store: &dyn JobStore,
    view: &View,
    sensors: &SensorPartitions,
    report: &mut Report,
) -> Result<()> {
    if sensors.several.is_empty() {
        return Ok(());
    }
    let mut of_sensors = BTreeMap::new();
    let rollups = view.job.topics_of(ROLLUP).map(|topic| (Some(topic.as_str()), topic.as_str()));
    let topics = std::iter::once((None, view.job.main_topic())).chain(rollups);
    // Outputs stand in this order, with dead letters as the second.
    let places = std::iter::once(0).chain(2..);
    for (place, topic) in places.zip(topics) {
        compare_topic(store, view, (place, topic), sensors, &mut of_sensors, report)?;
    }
    report.set_spread(of_sensors);
    Ok(())
}

fn compare_topic(
    store: &dyn JobStore,
    view: &View,
    (place, (rollup, topic)): (usize, (Option<&str>, &str)),
    sensors: &SensorPartitions,
    of_sensors: &mut BTreeMap<String, SpreadRows>,
    report: &mut Report,
) -> Result<()> {
    let spans = view.partitions.iter().map(|part| part.outputs[place].span);
    let rows: u64 = spans.clone().map(|span| span.end.0 - span.first.0).sum();
    let passes = rows.div_ceil(limits::SPREAD_KEYS as u64).max(1);
    for pass in 0..passes {
        let mut keys: HashMap<u128, Partition> = HashMap::new();
        for (partition, span) in view.job.input().all().zip(spans.clone()) {
            let mut reporter = DifferenceReporter::new(partition, report);
            let mut reader = TopicReader::open(store, topic, partition, span)?;
            let mut take = |offset, value: &[u8]| {
                // What cannot be read was reported by the proof of its partition.
                let Ok(row) = SeismicAggRecord::decode(value) else { return };
                let Some(sensor) = sensors.several.get(row.sensor_id.as_str()) else { return };
                let key = key(&row);
                if key % u128::from(passes) != u128::from(pass) {
                    return;
                }
                let of_sensor = of_sensors.entry(sensor.to_string()).or_default();
                of_sensor.partitions.insert(partition);
                let first = *keys.entry(key).or_insert(partition);
                if first != partition {
                    of_sensor.windows += u64::from(rollup.is_none());
                    of_sensor.rows += 1;
                    reporter.spread(rollup, &row, (offset, value), first);
                }
            };
            while reader.read(&mut take)? {}
        }
    }
    Ok(())
}

/// What a row is known by, as 128 bits of hash: no two keys of the rows that a store can hold have
/// the same.
fn key(row: &SeismicAggRecord) -> u128 {
    let key = (row.sensor_id.as_str(), row.window_start_ts, row.pane);
    let [high, low] = [1, 2].map(|seed| FixedState::with_seed(seed).hash_one(key));
    u128::from(high) << 64 | u128::from(low)
}
