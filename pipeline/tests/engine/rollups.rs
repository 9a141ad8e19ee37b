//! Roll-ups compared with their windows: whatever happens, the rows of a span add up to its
//! windows. Computed from emitted rows only.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use seismic_pipeline::{Engine, Output, Rules};
use seismic_proto::{ClosedBy, Message as _, SeismicAggRecord, SeismicRecord};
use seismic_queue::{Block, Message, Offset};

use crate::stream::{Act, PARTITION, Stream, TOPIC, stream};

/// What adds up, and what is an extreme, of the windows of one sensor and span.
#[derive(Clone, Debug, Default, PartialEq)]
struct Together {
    records: i64,
    phases: [i32; 3],
    min: Option<f32>,
    max: Option<f32>,
    /// First and last event time, and the amplitudes there.
    first: Option<(i64, f32)>,
    last: Option<(i64, f32)>,
    /// Σx, Σx², Σ|x|, as far as rows say them.
    sums: [f64; 3],
}

impl Together {
    fn add(&mut self, row: &SeismicAggRecord) {
        let n = row.record_count as f64;
        self.records += row.record_count;
        let phases = [row.p_phase_count, row.s_phase_count, row.n_phase_count];
        (0..3).for_each(|i| self.phases[i] += phases[i]);
        self.min = Some(self.min.map_or(row.min_amplitude, |min| min.min(row.min_amplitude)));
        self.max = Some(self.max.map_or(row.max_amplitude, |max| max.max(row.max_amplitude)));
        let (first, last) = (row.first_sample_ts, row.last_sample_ts);
        if self.first.is_none_or(|(at, _)| first < at) {
            self.first = Some((first, row.first_amplitude));
        }
        if self.last.is_none_or(|(at, _)| last >= at) {
            self.last = Some((last, row.last_amplitude));
        }
        let rms = row.rms_amplitude;
        let more = [row.mean_amplitude * n, rms * rms * n, row.rsam * n];
        (0..3).for_each(|i| self.sums[i] += more[i]);
    }

    fn forget_edges(&mut self) {
        self.first = self.first.map(|(at, _)| (at, 0.0));
        self.last = self.last.map(|(at, _)| (at, 0.0));
    }

    fn is_about(&self, other: &Together) -> bool {
        let sums = [self.sums, other.sums];
        // By the larger of the sums that cannot cancel.
        let scale = sums.iter().flatten().fold(1.0f64, |scale, sum| scale.max(sum.abs()));
        (0..3).all(|i| (sums[0][i] - sums[1][i]).abs() <= 1e-9 * scale)
            && Together { sums: [0.0; 3], ..self.clone() }
                == Together { sums: [0.0; 3], ..other.clone() }
    }
}

fn decoded(block: &Block) -> Vec<SeismicAggRecord> {
    block.messages().map(|(_, value)| SeismicAggRecord::decode(value).unwrap()).collect()
}

/// By sensor, era of its clock, and start of its span.
fn together(rows: &[SeismicAggRecord], length_ms: i64) -> BTreeMap<(String, i32, i64), Together> {
    let mut all: BTreeMap<_, Together> = BTreeMap::new();
    for row in rows {
        let start_ms = row.window_start_ts.div_euclid(length_ms) * length_ms;
        all.entry((row.sensor_id.clone(), row.clock_era, start_ms)).or_default().add(row);
    }
    all
}

/// Checks the roll-ups of an ended run.
fn check(rules: &Rules, out: &Output) -> Result<(), TestCaseError> {
    let windows = decoded(&out.rows);
    for (level, &length_ms) in rules.rollups_ms.iter().enumerate() {
        let rows = out.rollups.get(level).map(decoded).unwrap_or_default();
        let (expected, found) = (together(&windows, length_ms), together(&rows, length_ms));
        prop_assert!(expected.keys().eq(found.keys()), "{:?} are not {:?}", found, expected);
        for (key, expected) in &expected {
            let mut pair = [found[key].clone(), expected.clone()];
            if rules.allowed_lateness_ms > 0 {
                // Of samples of one time in several rows, the first row counts, and their order
                // differs.
                pair.iter_mut().for_each(Together::forget_edges);
            }
            prop_assert!(pair[0].is_about(&pair[1]), "{:?}: {:?}", key, pair);
        }
        let mut panes: BTreeMap<_, Vec<i32>> = BTreeMap::new();
        for row in &rows {
            prop_assert_eq!(row.window_end_ts - row.window_start_ts, length_ms);
            prop_assert_eq!(row.window_start_ts.rem_euclid(length_ms), 0);
            let of_it = panes.entry((row.sensor_id.clone(), row.window_start_ts)).or_default();
            if row.clock_era == 0 && rules.allowed_lateness_ms == 0 {
                prop_assert_eq!(row.pane, of_it.len() as i32, "they are numbered from 0");
            }
            prop_assert!(!of_it.contains(&row.pane), "a pane is there once: {:?}", of_it);
            of_it.push(row.pane);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(crate::cases(1_500))]

    /// With a restart from a snapshot at every place in `stops`.
    #[test]
    fn the_rows_of_a_span_are_its_windows_together(
        stream in stream(),
        stops in proptest::collection::vec(any::<Index>(), 0..4),
    ) {
        let stops: BTreeSet<usize> =
            stops.iter().map(|stop| stop.index(stream.acts.len())).collect();
        let (mut engine, mut out) = (stream.engine(), Output::default());
        for (place, act) in stream.acts.iter().enumerate() {
            if stops.contains(&place) {
                let mut snapshot = Vec::new();
                engine.snapshot(&mut snapshot);
                engine = Engine::restore(&snapshot, TOPIC, PARTITION).unwrap();
            }
            act.apply(&mut engine, &mut out);
            prop_assert!(engine.counters().is_balanced());
        }
        Act::End.apply(&mut engine, &mut out);
        prop_assert!(engine.counters().is_balanced());
        prop_assert!(engine.counters().rollups.iter().all(|level| level.open == 0));
        check(&stream.rules, &out)?;
    }
}

/// One sensor's engine with roll-ups of 10 s, told second by second.
struct Sensor {
    engine: Engine,
    out: Output,
}

impl Sensor {
    fn new() -> Self {
        let rules = Rules { rollups_ms: vec![10_000], lateness_ms: 0, ..Rules::default() };
        let engine = Stream { rules, start: 0, acts: vec![] }.engine();
        Sensor { engine, out: Output::default() }
    }

    /// A record at that time, appended at that time.
    fn says(&mut self, sensor: &str, time_ms: i64) -> &mut Self {
        let record = SeismicRecord {
            sensor_id: sensor.into(),
            collect_timestamp: time_ms,
            seismic_amplitude: 1.0,
            phase_type: "N".into(),
            data_quality: 1,
            ..Default::default()
        };
        let (offset, value) = (self.engine.position(), &record.encode_to_vec());
        let message = Message { offset, append_ms: time_ms, key: b"", value };
        self.engine.step(message, &mut self.out);
        self
    }

    fn is_idle(&mut self) -> bool {
        self.engine.close_idle(self.engine.position(), &mut self.out)
    }

    /// Start, pane, records and what closed it, of the rows since the last call.
    fn rows(&mut self) -> Vec<(i64, i32, i64, ClosedBy)> {
        let rows = self.out.rollups.iter().flat_map(decoded).filter(|row| row.sensor_id == "S");
        let rows = rows
            .map(|row| (row.window_start_ts, row.pane, row.record_count, row.closed_by()))
            .collect();
        self.out.clear();
        rows
    }
}

#[test]
fn the_window_that_reaches_the_end_closes_the_roll_up_and_so_does_one_beyond() {
    let mut sensor = Sensor::new();
    sensor.says("S", 0).says("S", 9_000);
    assert_eq!(sensor.rows(), [], "the last window is open");
    sensor.says("S", 10_000);
    assert_eq!(sensor.rows(), [(0, 0, 2, ClosedBy::Time)]);
    sensor.says("S", 11_000).says("S", 25_000);
    assert_eq!(sensor.rows(), [], "the window at 25 s is open");
    sensor.says("S", 26_000);
    assert_eq!(sensor.rows(), [(10_000, 0, 2, ClosedBy::Time)]);
}

#[test]
fn a_flaky_sensor_does_not_cut_its_roll_ups_into_pieces() {
    let mut sensor = Sensor::new();
    for time_ms in [0, 3_000, 6_000, 9_500] {
        sensor.says("S", time_ms);
        assert!(sensor.is_idle(), "its window is closed");
    }
    assert_eq!(sensor.rows(), [(0, 0, 4, ClosedBy::Idle)], "by the window that reaches the end");
}

#[test]
fn an_idle_sensor_s_roll_up_is_closed_when_the_log_is_past_its_end_also_without_open_windows() {
    let mut sensor = Sensor::new();
    sensor.says("S", 2_000);
    assert!(sensor.is_idle());
    // Another sensor moves the log's own time on.
    sensor.says("T", 9_999);
    assert!(sensor.is_idle(), "T's window");
    assert!(!sensor.is_idle(), "the log has not passed the end: nothing to journal");
    let (offset, value) = (sensor.engine.position(), &[0xff][..]);
    let garbage = Message { offset, append_ms: 10_000, key: b"", value };
    sensor.engine.step(garbage, &mut sensor.out);
    assert_eq!((sensor.rows(), sensor.engine.open_windows()), (vec![], 0));
    assert!(sensor.engine.close_idle(Offset(1), &mut sensor.out), "S alone is silent since 1");
    assert_eq!(sensor.rows(), [(0, 0, 1, ClosedBy::Idle)]);
    assert!(!sensor.engine.close_idle(Offset(1), &mut sensor.out), "only once");
}

#[test]
fn what_comes_after_an_early_close_is_a_further_pane() {
    let mut sensor = Sensor::new();
    sensor.says("S", 1_000);
    assert!(sensor.engine.end(&mut sensor.out));
    assert!(!sensor.engine.end(&mut sensor.out), "nothing is open");
    assert_eq!(sensor.rows(), [(0, 0, 1, ClosedBy::End)]);
    sensor.says("S", 1_500).says("S", 3_000).says("S", 3_100).says("S", 5_000);
    assert_eq!(sensor.engine.counters().late(), 1, "1.5 s is late");
    assert!(sensor.engine.end(&mut sensor.out));
    assert_eq!(sensor.rows(), [(0, 1, 3, ClosedBy::End)]);
    sensor.says("S", 9_000).says("S", 10_000);
    assert_eq!(sensor.rows(), [(0, 2, 1, ClosedBy::Time)]);
    sensor.says("S", 11_000).says("S", 20_000).says("S", 21_000);
    assert_eq!(sensor.rows(), [(10_000, 0, 2, ClosedBy::Time)], "a new span begins with 0");
}
