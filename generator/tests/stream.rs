//! The guarantees of the record stream, checked only through its output: every message is decoded
//! with prost and checked by a second, slow implementation of the cleaning rules.

#![allow(clippy::unwrap_used, reason = "tests may")]

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use seismic_generator::{Counts, GeneratedRecord, Plan, RecordKind, Stream};
use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, SeismicRecordBatch};
use seismic_queue::partition_of;
use sha2::{Digest, Sha256};

const START_MS: i64 = 1_600_000_000_000;

fn plan(seed: u64, anomaly_percent: f64) -> Plan {
    Plan {
        records: u64::MAX,
        sensors: 10,
        partitions: 4,
        seed,
        start_ms: START_MS,
        records_per_second: 250.0,
        frequency_hz: 25,
        anomaly_percent,
        pack: 1,
        live: false,
        producer: "test".to_owned(),
    }
}

/// Everything that is wrong with a record, lateness aside; a good one has nothing.
fn faults(record: &SeismicRecord, append_ms: i64) -> Vec<&'static str> {
    const YEAR_1900_MS: i64 = -2_208_988_800_000;
    const YEAR_2200_MS: i64 = 7_258_118_400_000;
    let amplitude = record.seismic_amplitude;
    let time_ms = record.collect_timestamp;
    let checks = [
        ("empty_sensor", record.sensor_id.is_empty()),
        ("bad_quality", record.data_quality != 1),
        ("amplitude_out_of_range", !(-100.0..=200.0).contains(&amplitude)),
        ("bad_position", record.longitude.is_nan() || record.longitude.abs() > 180.0),
        ("bad_position", record.latitude.is_nan() || record.latitude.abs() > 90.0),
        ("bad_phase", !["P", "S", "N"].contains(&record.phase_type.as_str())),
        ("bad_time", !(YEAR_1900_MS..YEAR_2200_MS).contains(&time_ms)),
        ("future_timestamp", time_ms > append_ms + 5_000),
    ];
    checks.into_iter().filter(|(_, wrong)| *wrong).map(|(fault, _)| fault).collect()
}

/// One clock per sensor, windows of a second, half a second of lateness.
#[derive(Default)]
struct Clocks(HashMap<String, i64>);

impl Clocks {
    fn is_late(&mut self, record: &SeismicRecord) -> bool {
        let time_ms = record.collect_timestamp;
        let clock_ms = self.0.entry(record.sensor_id.clone()).or_insert(i64::MIN);
        let late = time_ms.div_euclid(1_000) * 1_000 + 1_500 <= *clock_ms;
        *clock_ms = time_ms.max(*clock_ms);
        late
    }
}

/// All reasons that speak against a message.
fn reasons(message: &[u8], append_ms: i64, clocks: &mut Clocks) -> Vec<&'static str> {
    if message.first() == Some(&BATCH_FIRST_BYTE) {
        let error = SeismicRecordBatch::decode(message);
        assert!(error.is_err(), "the stream itself packs nothing");
        return vec!["unparseable"];
    }
    let Ok(record) = SeismicRecord::decode(message) else {
        return vec!["unparseable"];
    };
    let mut found = faults(&record, append_ms);
    if found.is_empty() && clocks.is_late(&record) {
        found.push("late");
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_kind_breaks_exactly_what_it_says(seed: u64, anomaly_percent in 0.0..100.0) {
        let mut stream = Stream::new(&plan(seed, anomaly_percent));
        let mut clocks = Clocks::default();
        for _ in 0..5_000 {
            let now_ms = stream.next_ms();
            let made = stream.next_record();
            let found = reasons(made.value, now_ms, &mut clocks);
            let expected: Vec<_> = made.kind.reason().into_iter().collect();
            if made.kind == RecordKind::EmptyMessage {
                // A record of defaults has more than one fault; the first is the reason.
                prop_assert_eq!(&found[..1], &expected[..], "{:?}", made);
            } else {
                prop_assert_eq!(&found, &expected, "{:?}", made);
            }
        }
    }

    #[test]
    fn messages_go_to_the_partition_of_their_key_which_is_their_sensor(seed: u64) {
        let mut stream = Stream::new(&plan(seed, 50.0));
        for slot in 0..2_000 {
            let sensor = stream.sensors()[slot % 10].id.clone();
            let made = stream.next_record();
            prop_assert_eq!(made.partition, partition_of(made.key, 4));
            let named = match SeismicRecord::decode(made.value) {
                Ok(record) => record.sensor_id,
                Err(_) => sensor,
            };
            prop_assert_eq!(made.key, named.as_bytes());
        }
    }

    #[test]
    fn truncated_and_random_bytes_never_parse(seed: u64) {
        let mut stream = Stream::new(&plan(seed, 100.0));
        for _ in 0..5_000 {
            let made = stream.next_record();
            if matches!(made.kind, RecordKind::Truncated | RecordKind::RandomBytes) {
                prop_assert!(!made.value.is_empty());
                prop_assert!(SeismicRecord::decode(made.value).is_err());
                if made.value[0] == BATCH_FIRST_BYTE {
                    prop_assert!(SeismicRecordBatch::decode(made.value).is_err());
                }
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_one_others(seed: u64) {
        let bytes = |seed| {
            let mut stream = Stream::new(&plan(seed, 20.0));
            let mut all = Vec::new();
            for _ in 0..1_000 {
                all.extend_from_slice(stream.next_record().value);
            }
            all
        };
        prop_assert_eq!(bytes(seed), bytes(seed));
        prop_assert_ne!(bytes(seed), bytes(seed.wrapping_add(1)));
    }

    #[test]
    fn a_duplicate_repeats_the_valid_record_just_before_it(seed: u64) {
        let mut stream = Stream::new(&plan(seed, 60.0));
        let mut before = (RecordKind::EmptyMessage, Vec::new(), Vec::new());
        for _ in 0..5_000 {
            let GeneratedRecord { kind, key, value, .. } = stream.next_record();
            let this = (kind, key.to_vec(), value.to_vec());
            if kind == RecordKind::Duplicate {
                prop_assert_eq!((RecordKind::Valid, &this.1, &this.2), (before.0, &before.1, &before.2));
            }
            before = this;
        }
    }

    #[test]
    fn each_sensor_samples_at_even_intervals_and_none_runs_ahead(
        seed: u64, sensors in 1u32..50, sample_rate_hz in 1u32..200,
    ) {
        let rate = f64::from(sensors * sample_rate_hz);
        let plan = Plan { sensors, records_per_second: rate, ..plan(seed, 0.0) };
        let mut stream = Stream::new(&plan);
        let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
        for slot in 0..2_000u64 {
            let due_ms = stream.next_ms();
            let made = stream.next_record();
            let record = SeismicRecord::decode(made.value).unwrap();
            prop_assert_eq!(record.collect_timestamp, due_ms);
            let exact_ms = START_MS as f64 + slot as f64 * 1_000.0 / rate;
            prop_assert!((due_ms as f64 - exact_ms).abs() < 1.001);
            if let Some(last_ms) = last.insert(made.key.to_vec(), due_ms) {
                let even_ms = 1_000.0 / f64::from(sample_rate_hz);
                prop_assert!(((due_ms - last_ms) as f64 - even_ms).abs() <= 1.001);
            }
        }
        prop_assert_eq!(last.len(), sensors as usize);
    }
}

#[test]
fn anomalies_come_as_often_as_asked_and_all_kinds_of_them() {
    let mut stream = Stream::new(&plan(1, 28.0));
    let mut counts = Counts::default();
    for _ in 0..100_000 {
        counts.add(stream.next_record().kind);
    }
    for (kind, count) in counts.iter() {
        // A duplicate is possible only after a valid record, so it is a little rarer.
        let expected = match kind {
            RecordKind::Valid => 71_000..73_000,
            RecordKind::Duplicate => 1_100..2_000,
            _ => 1_800..2_300,
        };
        assert!(expected.contains(&count), "{kind:?}: {count}");
    }
}

#[test]
fn slow_slots_have_no_duplicates_since_their_windows_may_be_closed() {
    let slow = Plan { records_per_second: 1.0, ..plan(1, 100.0) };
    let mut stream = Stream::new(&slow);
    assert!((0..1_000).all(|_| stream.next_record().kind != RecordKind::Duplicate));
}

#[test]
fn a_run_of_twelve_seconds_shows_all_three_phases() {
    for seed in 0..20 {
        let mut stream = Stream::new(&plan(seed, 0.0));
        let mut phases = BTreeMap::new();
        for _ in 0..3_000 {
            let record = SeismicRecord::decode(stream.next_record().value).unwrap();
            *phases.entry(record.phase_type).or_insert(0) += 1;
        }
        assert_eq!(phases.keys().collect::<Vec<_>>(), ["N", "P", "S"], "seed {seed}: {phases:?}");
    }
}

/// Names of runs contain a version, so that an old run is not taken for the beginning of a new one.
/// When this fails, the same plan gives other bytes than before: raise `STREAM_VERSION` in
/// `plan.rs`, then put the new digest here.
#[test]
fn the_same_plan_gives_the_bytes_it_always_gave() {
    let mut stream = Stream::new(&plan(1, 5.0));
    let mut digest = Sha256::new();
    for _ in 0..100_000 {
        let made = stream.next_record();
        digest.update([made.kind as u8, made.partition.0 as u8]);
        digest.update(made.value);
    }
    let hex: String = digest.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, "237013f7ee35d9ef");
}

/// Reasons are the pipeline's names; a typing error here would never match there.
#[test]
fn reasons_are_those_of_the_cleaning_rules() {
    let known = [
        "unparseable",
        "empty_sensor",
        "bad_quality",
        "amplitude_out_of_range",
        "bad_position",
        "bad_phase",
        "future_timestamp",
        "late",
    ];
    let given: std::collections::BTreeSet<_> =
        RecordKind::ALL.into_iter().filter_map(RecordKind::reason).collect();
    assert_eq!(given, known.into_iter().collect());
}
