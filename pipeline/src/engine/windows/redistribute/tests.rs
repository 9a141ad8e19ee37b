//! Redistributed sensors, compared with engines that had all partitions from the start.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use seismic_proto::{Message as _, SeismicAggRecord, SeismicRecord};
use seismic_queue::{Message, Offset, Partition};

use super::*;
use crate::engine::windows::output::Output;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rules::Rules;

const BEFORE: u32 = 4;
const AFTER: u32 = 6;

fn rules() -> Rules {
    Rules { lateness_ms: 700, rollups_ms: vec![3_000], ..Rules::default() }
}

/// Engines of the first partitions, as many as the input has.
fn engines(partitions: u32) -> Vec<Engine> {
    (0..partitions).map(|it| Engine::new(rules(), "t", Partition(it), Offset(0))).collect()
}

fn deal_all(engines: &mut [Engine], before: u32) -> Result<(), RedistributeError> {
    redistribute(&mut engines.iter_mut().collect::<Vec<_>>(), before)
}

fn end_all(engines: &mut [Engine], out: &mut Output) {
    for engine in engines {
        engine.end(out);
    }
}

fn give(engine: &mut Engine, sensor: &str, time_ms: i64, out: &mut Output) {
    let record = SeismicRecord {
        sensor_id: sensor.to_owned(),
        collect_timestamp: time_ms,
        seismic_amplitude: time_ms as f32 / 1_000.0,
        phase_type: "P".to_owned(),
        data_quality: 1,
        ..Default::default()
    };
    let (offset, value) = (engine.position(), record.encode_to_vec());
    engine.step(Message { offset, append_ms: 100_000, key: sensor.as_bytes(), value: &value }, out);
}

/// Rows without what says where they came from, and dead letters by reason.
#[derive(Debug, PartialEq)]
struct Told {
    rows: Vec<Vec<u8>>,
    rollups: Vec<Vec<u8>>,
    dead: BTreeMap<&'static str, u64>,
}

fn told(out: &Output, engines: &[Engine]) -> Told {
    let rows = |block: &seismic_queue::Block| {
        let plain = |value: &[u8]| SeismicAggRecord {
            input_partition: 0,
            closing_offset: 0,
            ..SeismicAggRecord::decode(value).unwrap()
        };
        let mut rows: Vec<_> =
            block.messages().map(|(_, value)| plain(value).encode_to_vec()).collect();
        rows.sort();
        rows
    };
    let count = |reason: &RejectReason| {
        let all = engines.iter().map(|engine| engine.counters().dead(*reason)).sum();
        (reason.name(), all)
    };
    let dead = RejectReason::ALL.iter().map(count).filter(|(_, count)| *count > 0).collect();
    Told { rows: rows(&out.rows), rollups: rows(&out.rollups[0]), dead }
}

/// What engines of these partitions tell, the second half after they were drained and, where there
/// are more partitions then, dealt out.
fn run(halves: [&[(u32, i64)]; 2], partitions: [u32; 2]) -> Told {
    let (mut all, mut out) = (engines(partitions[1]), Output::default());
    for (half, partitions) in halves.into_iter().zip(partitions) {
        for &(sensor, time_ms) in half {
            let id = format!("S{sensor:03}");
            let to = partition_of(id.as_bytes(), partitions).0 as usize;
            give(&mut all[to], &id, time_ms, &mut out);
        }
        end_all(&mut all, &mut out);
        if all.len() > 1 && all[0].partitions.is_none() {
            deal_all(&mut all, BEFORE).unwrap();
            all.iter_mut().for_each(stored_and_restored);
        }
    }
    told(&out, &all)
}

/// What recovery makes of it.
fn stored_and_restored(engine: &mut Engine) {
    let mut state = Vec::new();
    engine.snapshot(&mut state);
    *engine = Engine::restore(&state, "t", engine.partition()).unwrap();
    let mut again = Vec::new();
    engine.snapshot(&mut again);
    assert_eq!(again, state);
}

proptest! {
    #[test]
    fn what_moved_sensors_tell_is_what_they_tell_where_there_is_one_partition(
        // Clocks that jump back and forth, so that much is late, also for what was closed before.
        first in vec((0_u32..30, 0_i64..20_000), 0..300),
        second in vec((0_u32..40, 5_000_i64..30_000), 0..300),
    ) {
        let halves = [&first[..], &second];
        prop_assert_eq!(run(halves, [BEFORE, AFTER]), run(halves, [1, 1]));
    }
}

#[test]
fn every_sensor_is_where_its_next_record_goes_and_nowhere_else() {
    let (mut all, mut out) = (engines(AFTER), Output::default());
    let ids: Vec<_> = (0..200).map(|sensor| format!("S{sensor:03}")).collect();
    for id in &ids {
        let to = partition_of(id.as_bytes(), BEFORE).0 as usize;
        give(&mut all[to], id, 1_000, &mut out);
    }
    end_all(&mut all, &mut out);
    deal_all(&mut all, BEFORE).unwrap();
    for id in &ids {
        let has = |engine: &Engine| {
            (0..engine.sensor_index.len()).any(|number| engine.sensor_index.id(number) == id)
        };
        let numbers: Vec<_> = all.iter().filter(|it| has(it)).map(Engine::partition).collect();
        assert_eq!(numbers, [partition_of(id.as_bytes(), AFTER)]);
    }
    // It may happen again.
    all.extend(engines(2 * AFTER).split_off(AFTER as usize));
    deal_all(&mut all, AFTER).unwrap();
    assert_eq!(all.iter().map(Engine::sensors).sum::<u64>(), 200);
}

#[test]
fn a_record_that_comes_to_where_its_sensor_was_before_is_not_counted() {
    let (mut all, mut out) = (engines(AFTER), Output::default());
    let moves =
        |id: &String| partition_of(id.as_bytes(), BEFORE) != partition_of(id.as_bytes(), AFTER);
    let id = (0..).map(|sensor| format!("S{sensor:03}")).find(moves).unwrap();
    let old = partition_of(id.as_bytes(), BEFORE).0 as usize;
    give(&mut all[old], &id, 1_000, &mut out);
    all[old].end(&mut out);
    deal_all(&mut all, BEFORE).unwrap();
    give(&mut all[old], &id, 9_000, &mut out);
    give(&mut all[old], &id, 9_001, &mut out);
    assert_eq!(all[old].counters().dead(RejectReason::Misplaced), 2);
    assert_eq!(all[old].sensors(), 0);
    assert!(all[old].counters().is_balanced());
}

#[test]
fn open_windows_and_sensors_placed_in_another_way_are_not_dealt_out() {
    let (mut all, mut out) = (engines(AFTER), Output::default());
    let at = partition_of(b"S001", BEFORE).0 as usize;
    give(&mut all[at], "S001", 1_000, &mut out);
    let error = deal_all(&mut all, BEFORE).unwrap_err();
    assert!(
        matches!(&error, RedistributeError::Open { what, .. } if what == "1 open windows"),
        "{error}"
    );
    all[at].end(&mut out);
    let elsewhere = (at + 1) % BEFORE as usize;
    give(&mut all[elsewhere], "S001", 1_000, &mut out);
    all[elsewhere].end(&mut out);
    let error = deal_all(&mut all, BEFORE).unwrap_err();
    assert!(error.to_string().contains(r#"sensor "S001" is in partition"#), "{error}");
}

#[test]
fn more_sensors_than_a_partition_may_have_are_not_dealt_to_it() {
    let rules = Rules { max_sensors: 2, ..rules() };
    let engine = |it| Engine::new(rules.clone(), "t", Partition(it), Offset(0));
    let (mut all, mut out) = (vec![engine(0), engine(1)], Output::default());
    // Three that all go to one partition; where there was one partition, two were let in.
    let goes_to_0 = |id: &String| partition_of(id.as_bytes(), 2) == Partition(0);
    let ids: Vec<_> =
        (0..).map(|sensor| format!("S{sensor:03}")).filter(goes_to_0).take(3).collect();
    all[0].rules.max_sensors = 3;
    ids.iter().for_each(|id| give(&mut all[0], id, 1_000, &mut out));
    all[0].end(&mut out);
    all[0].rules.max_sensors = 2;
    let error = deal_all(&mut all, 1).unwrap_err();
    assert!(matches!(error, RedistributeError::TooMany { sensors: 3, .. }), "{error}");
}
