//! Rows with the same key and number in several partitions, which proofs of single partitions
//! cannot find.
//!
//! A sensor whose records are spread over partitions gets rows in each of them. All of them follow
//! from the log, and none is complete. So the keys of rows must be unique over all partitions.
//! Sensors are compared first, by hash: 16 bytes each. Only rows of sensors with rows in several
//! partitions are held, at most [`limits::SPREAD_KEYS`] at once; if there may be more, the topics
//! are read again for each further part of the rows.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher as _;

use foldhash::quality::FixedState;
use seismic_queue::{JobStore, Partition, View};

use super::compared_output::ComparedOutput;
use super::difference_reporter::DifferenceReporter;
use super::key_partitions::KeyPartitions;
use super::report::{Report, SpreadRows};
use super::topic_reader::TopicReader;
use crate::engine::row_reader::{RowKey, RowReader};
use crate::{Result, limits};

/// Compares the rows of keys that have some in several partitions.
pub(super) fn compare(
    store: &dyn JobStore,
    view: &View,
    reader: &'static dyn RowReader,
    report: &mut Report,
) -> Result<()> {
    let keys = std::mem::take(&mut report.keys);
    if keys.several.is_empty() {
        return Ok(());
    }
    let mut of_keys = BTreeMap::new();
    for (place, output) in view.job.outputs.iter().enumerate() {
        if !output.is_keyed() && !reader.is_dead_letters(place) {
            let of = ComparedOutput { reader, place, topic: output.topic.clone() };
            compare_topic(store, view, &of, &keys, &mut of_keys, report)?;
        }
    }
    report.set_spread(of_keys);
    Ok(())
}

fn compare_topic(
    store: &dyn JobStore,
    view: &View,
    of: &ComparedOutput,
    keys: &KeyPartitions,
    of_keys: &mut BTreeMap<String, SpreadRows>,
    report: &mut Report,
) -> Result<()> {
    let spans = view.partitions.iter().map(|part| part.outputs[of.place].span);
    let rows: u64 = spans.clone().map(|span| span.end.0 - span.first.0).sum();
    let passes = rows.div_ceil(limits::SPREAD_KEYS as u64).max(1);
    for pass in 0..passes {
        let mut homes: HashMap<u128, Partition> = HashMap::new();
        for (partition, span) in view.job.input().all().zip(spans.clone()) {
            let mut reporter = DifferenceReporter::new(partition, report);
            let mut reader = TopicReader::open(store, &of.topic, partition, span)?;
            let mut take = |offset, value: &[u8]| {
                // What cannot be read was reported by the proof of its partition.
                let Some(origin) = of.reader.origin(of.place, value) else { return };
                let Some(key) = keys.several.get(&origin.key.of) else { return };
                let hash = hash(&origin.key);
                if hash % u128::from(passes) != u128::from(pass) {
                    return;
                }
                let of_key = of_keys.entry(key.to_string()).or_default();
                of_key.partitions.insert(partition);
                let first = *homes.entry(hash).or_insert(partition);
                if first != partition {
                    of_key.windows += u64::from(of.place == 0);
                    of_key.rows += 1;
                    reporter.spread(of, &origin.key, (offset, value), first);
                }
            };
            while reader.read(&mut take)? {}
        }
    }
    Ok(())
}

/// What a row is known by, as 128 bits of hash: no two keys of the rows that a store can hold have
/// the same.
fn hash(RowKey { of, number }: &RowKey) -> u128 {
    let key = (of.as_str(), number.0, number.1);
    let [high, low] = [1, 2].map(|seed| FixedState::with_seed(seed).hash_one(key));
    u128::from(high) << 64 | u128::from(low)
}
