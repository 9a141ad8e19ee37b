//! Runs against the queue in memory: what is published, where, when, and what a repeated run adds.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use seismic_generator::{Error, Options, RecordKind, Summary, generate};
use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, SeismicRecordBatch};
use seismic_queue::memory::Memory;
use seismic_queue::{Event, Offset, Partition, Queue, partition_of};

const START_MS: i64 = 1_600_000_000_000;

/// A run of the past that can be repeated.
fn past(records: u64) -> Options {
    let (records, start_ms, seed) = (Some(records), Some(START_MS), Some(7));
    Options { records, start_ms, seed, ..Options::default() }
}

fn run(queue: &Memory, options: &Options) -> Summary {
    generate(queue, options, &AtomicBool::new(false), &mut |_| {}).unwrap()
}

/// A run that is stopped when that many records are durable.
fn run_until(queue: &Memory, options: &Options, records: u64) -> Summary {
    let stop = AtomicBool::new(false);
    let mut progress = |durable| stop.store(durable >= records, Ordering::Relaxed);
    generate(queue, options, &stop, &mut progress).unwrap()
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    partition: Partition,
    append_ms: i64,
    key: Vec<u8>,
    value: Vec<u8>,
}

/// All messages of the topic, partition by partition.
fn stored(queue: &Memory, options: &Options) -> Vec<Stored> {
    let topic = queue.topic(&options.topic).unwrap();
    let mut messages = Vec::new();
    for partition in topic.all() {
        let mut reader = queue.reader(&topic, &[(partition, Offset(0))]).unwrap();
        loop {
            match reader.read(Duration::from_secs(5), &mut Vec::new()).unwrap() {
                Event::Batch(batch) => messages.extend(batch.messages().map(|m| Stored {
                    partition,
                    append_ms: m.append_ms,
                    key: m.key.to_vec(),
                    value: m.value.to_vec(),
                })),
                Event::CaughtUp(..) => break,
                other => panic!("{other:?}"),
            }
        }
    }
    messages
}

/// The messages without their append times, which differ from run to run.
fn contents(queue: &Memory, options: &Options) -> Vec<(Partition, Vec<u8>, Vec<u8>)> {
    stored(queue, options).into_iter().map(|m| (m.partition, m.key, m.value)).collect()
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64
}

#[test]
fn a_default_run_publishes_3000_records_in_4_partitions_and_ends_before_now() {
    let (queue, options) = (Memory::new(), Options::default());
    let summary = run(&queue, &options);
    assert_eq!((summary.published, summary.by_kind.total()), (3_000, 3_000));
    assert!(summary.by_kind.of(RecordKind::Valid) > 2_700);
    let messages = stored(&queue, &options);
    assert_eq!(messages.len(), 3_000);
    assert!(messages.iter().all(|m| m.partition == partition_of(&m.key, 4)));
    assert!((summary.start_ms - now_ms() + 12_000).abs() < 5_000, "the span of the run is 12 s");
}

#[test]
fn the_summary_is_the_documented_json() {
    let json = serde_json::to_value(run(&Memory::new(), &past(500))).unwrap();
    assert_eq!((&json["published"], &json["seed"]), (&500.into(), &7.into()));
    let by_kind = json["by_kind"].as_object().unwrap();
    assert_eq!(by_kind.len(), 15);
    assert_eq!(by_kind.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 500);
    assert!(json["seconds"].is_f64() && json["records_per_second"].is_f64());
}

#[test]
fn the_same_seed_and_start_give_the_same_messages() {
    let (first, second) = (Memory::new(), Memory::new());
    for options in [past(20_000), Options { pack: 7, ..past(20_000) }] {
        run(&first, &options);
        run(&second, &options);
        assert_eq!(contents(&first, &options), contents(&second, &options));
    }
}

#[test]
fn a_repeated_run_adds_nothing_and_another_run_adds_its_own() {
    let (queue, options) = (Memory::new(), past(5_000));
    assert_eq!(run(&queue, &options).recognised, 0);
    let again = run(&queue, &options);
    assert_eq!((again.published, again.recognised), (5_000, 5_000));
    assert_eq!(stored(&queue, &options).len(), 5_000);
    run(&queue, &Options { seed: Some(8), ..options.clone() });
    assert_eq!(stored(&queue, &options).len(), 10_000);
}

#[test]
fn a_stopped_run_counts_what_it_published_and_goes_on_when_repeated() {
    for pack in [1, 3] {
        let (queue, whole) = (Memory::new(), Memory::new());
        let options = Options { pack, ..past(300_000) };
        let stopped = run_until(&queue, &options, 1);
        assert_eq!(stopped.published, stopped.by_kind.total());
        assert!((1..300_000).contains(&stopped.published), "it was stopped in the middle");
        let messages = stored(&queue, &options).len() as u64;
        let again = run(&queue, &options);
        assert_eq!((again.recognised, again.published), (messages, 300_000));
        run(&whole, &options);
        assert!(contents(&queue, &options) == contents(&whole, &options), "no trace of the stop");
    }
}

#[test]
fn packs_hold_records_of_one_partition_and_lose_none() {
    let (queue, options) = (Memory::new(), Options { pack: 16, ..past(10_000) });
    let summary = run(&queue, &options);
    let (mut records, mut largest) = (0, 0);
    for message in stored(&queue, &options) {
        if message.value.first() != Some(&BATCH_FIRST_BYTE) {
            records += 1;
            continue;
        }
        let batch = SeismicRecordBatch::decode(message.value.as_slice()).unwrap();
        assert_eq!(message.key, batch.records[0].sensor_id.as_bytes());
        for record in &batch.records {
            assert_eq!(partition_of(record.sensor_id.as_bytes(), 4), message.partition);
        }
        records += batch.records.len();
        largest = largest.max(batch.records.len());
    }
    assert_eq!((records as u64, largest), (summary.published, 16));
}

#[test]
fn a_run_without_start_begins_after_the_newest_valid_event() {
    let queue = Memory::new();
    // Anomalies of the far future must not count as the newest event.
    let odd = Options { start_ms: Some(now_ms() - 2_500), anomaly_percent: 50.0, ..past(250) };
    run(&queue, &odd);
    let even = Options { start_ms: Some(now_ms() - 1_200), anomaly_percent: 0.0, ..past(250) };
    let newest_ms = run(&queue, &even).start_ms + 996;
    let next = Options { records: Some(250), anomaly_percent: 0.0, ..Options::default() };
    let summary = run(&queue, &next);
    assert!(summary.start_ms / 1_000 > newest_ms / 1_000, "it begins in a second of its own");
    // On a slow machine the time that it covers may begin later than that.
    let soonest_ms = (newest_ms + 1_000).max(now_ms() - 996);
    assert!(summary.start_ms <= soonest_ms, "and as soon as it may");
    let of_our_days = START_MS..now_ms() + 1_000;
    for message in stored(&queue, &next) {
        if let Ok(record) = SeismicRecord::decode(message.value.as_slice())
            && of_our_days.contains(&record.collect_timestamp)
        {
            assert!(record.collect_timestamp <= message.append_ms, "never ahead of the clock");
        }
    }
}

#[test]
fn a_paced_run_follows_the_clock() {
    let queue = Memory::new();
    let options =
        Options { records: Some(400), rate: 1_000.0, anomaly_percent: 0.0, ..Options::default() };
    let summary = run(&queue, &options);
    // The clock is read in whole milliseconds, and an adjusted one runs a little faster than what measures.
    assert!(summary.seconds >= 0.395, "400 records at 1000/s in {} s", summary.seconds);
    for message in stored(&queue, &options) {
        let record = SeismicRecord::decode(message.value.as_slice()).unwrap();
        assert!(record.collect_timestamp <= message.append_ms, "never ahead of the clock");
    }
}

#[test]
fn a_paced_run_of_the_past_keeps_its_pace() {
    let options = Options { rate: 1_000.0, ..past(300) };
    let summary = run(&Memory::new(), &options);
    assert!(summary.seconds >= 0.295 && summary.start_ms == START_MS, "{summary:?}");
}

#[test]
fn a_run_of_the_future_waits_for_the_clock() {
    let queue = Memory::new();
    let start_ms = Some(now_ms() + 150);
    let options = Options { start_ms, anomaly_percent: 0.0, ..past(50) };
    run(&queue, &options);
    let messages = stored(&queue, &options);
    assert_eq!(messages.len(), 50);
    for message in messages {
        let record = SeismicRecord::decode(message.value.as_slice()).unwrap();
        assert!(record.collect_timestamp <= message.append_ms, "never ahead of the clock");
    }
}

#[test]
fn a_run_without_end_flushes_packs_that_wait_and_ends_when_stopped() {
    let queue = Memory::new();
    let options = Options { forever: true, pack: 1_000, ..Options::default() };
    let summary = run_until(&queue, &options, 30);
    assert!((30..5_000).contains(&summary.published), "{summary:?}");
}

#[test]
fn wrong_options_touch_nothing() {
    let queue = Memory::new();
    let options = Options { sensors: 0, ..Options::default() };
    let error = generate(&queue, &options, &AtomicBool::new(false), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Options { .. }), "{error}");
    assert!(queue.topics().unwrap().is_empty());
}
