//! A second engine, plain and slow, written from the semantics alone: `prost` decodes, maps hold
//! every single sample until its window closes, and all arithmetic on times is in 128 bits. It
//! shares only the types of rules and messages with the engine.

mod clock;
mod late;
mod split;
mod statistics;

use std::collections::BTreeMap;

use clock::Held;
use late::Late;
use seismic_pipeline::{Dedupe, Rules, TimeMode};
use seismic_proto::{ClosedBy, SeismicAggRecord, SeismicDeadLetter, SeismicRecord};
use seismic_queue::Message;
use sha2::{Digest, Sha256};
use split::split;
use statistics::{Sample, moved, statistics};

const WINDOWS_PER_SENSOR: usize = 100_000;
const SENSOR_ID_BYTES: usize = 256;
const DEAD_LETTER_BYTES: usize = 900 * 1024;

/// The engine's twin.
pub struct Oracle {
    rules: Rules,
    topic: String,
    partition: i32,
    /// Next offset expected.
    pub position: u64,
    append_ms: Option<i64>,
    sensors: BTreeMap<String, Sensor>,
    /// Rows not taken yet.
    rows: Vec<SeismicAggRecord>,
    /// Those of the roll-ups, by level.
    rollups: Vec<Vec<SeismicAggRecord>>,
    /// Dead letters not taken yet, with their keys.
    dead: Vec<(Vec<u8>, SeismicDeadLetter)>,
    totals: Totals,
}

/// Where the records went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    pub read: u64,
    pub closed: u64,
    pub open: u64,
    pub windows: u64,
    pub open_windows: u64,
    pub sensors: u64,
    /// Late and rejected, by reason.
    pub dead: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Sensor {
    clock: Option<i128>,
    closed_until: Option<i128>,
    last_offset: u64,
    /// Estimated sampling interval, µs.
    interval: Option<i128>,
    /// Samples by start of their window, in log order.
    windows: BTreeMap<i128, Vec<Sample>>,
    /// Rejected, clipped and repeated records of these windows.
    rejects: BTreeMap<i128, [i64; 3]>,
    /// Those of the newest window that is not open yet.
    pending: Option<(i128, [i64; 3])>,
    /// By level: the span of the newest closed window, if it may still get more.
    spans: BTreeMap<usize, Span>,
    /// Records whose time is not believed yet.
    held: Vec<Held>,
    /// How far the clock may step, where that is more than the rules say.
    stride: i128,
    /// How often the clock was set back, and up to where windows were closed before.
    era: i32,
    again_until: Option<i128>,
    /// Number of the last row beside the first of a window or span.
    panes: i32,
    late: Late,
}

impl Sensor {
    /// Whether a window with this end is closed.
    fn is_closed(&self, end: i128, rules: &Rules) -> bool {
        self.closed_until.is_some_and(|until| end <= until)
            || self.clock.is_some_and(|clock| end + i128::from(rules.lateness_ms) <= clock)
    }

    fn advance(&mut self, time: i128) {
        if let Some(step) = self.clock.map(|clock| time - clock).filter(|&step| step > 0) {
            self.interval = Some(moved(self.interval, step));
        }
        self.clock = Some(self.clock.map_or(time, |clock| clock.max(time)));
    }

    /// Number of a row of a window or span from `start` on that had that many in this era.
    fn pane(&mut self, start: i128, rows: i32, rules: &Rules) -> i32 {
        let again = self.again_until.is_some_and(|until| start < until);
        if again || (rows > 0 && late::allows(rules)) {
            self.panes += 1;
            return self.panes;
        }
        self.panes = self.panes.max(rows);
        rows
    }
}

/// A span of a roll-up.
#[derive(Clone)]
struct Span {
    start: i128,
    /// Rows that it had.
    rows: i32,
    /// Windows closed since its last row, in order.
    windows: Vec<Vec<Sample>>,
    /// Rejected, clipped and repeated records of those.
    rejects: [i64; 3],
}

/// The row with its counts of rejected, clipped and repeated records.
fn with_rejects(row: SeismicAggRecord, rejects: [i64; 3]) -> SeismicAggRecord {
    let [rejected_count, clipped_count, repeat_count] = rejects;
    SeismicAggRecord { rejected_count, clipped_count, repeat_count, ..row }
}

impl Oracle {
    pub fn new(rules: &Rules, topic: &str, partition: u32, position: u64) -> Self {
        Oracle {
            rules: rules.clone(),
            topic: topic.to_owned(),
            partition: partition as i32,
            position,
            append_ms: None,
            sensors: BTreeMap::new(),
            rows: Vec::new(),
            rollups: vec![Vec::new(); rules.rollups_ms.len()],
            dead: Vec::new(),
            totals: Totals::default(),
        }
    }

    pub fn step(&mut self, message: Message<'_>) {
        let append_ms = message.append_ms.max(self.append_ms.unwrap_or(message.append_ms));
        self.append_ms = Some(append_ms);
        match split(message.value) {
            Err(reason) => {
                self.totals.read += 1;
                self.bury(message, 0, reason, message.key, message.value);
            }
            Ok(records) => {
                for (index, (record, bytes)) in records.into_iter().enumerate() {
                    self.totals.read += 1;
                    if let Err(reason) = self.count(message, index, &record, bytes) {
                        self.count_reject(&record, reason);
                        let id = record.sensor_id.as_bytes();
                        self.bury(message, index, reason, id, bytes);
                    }
                }
            }
        }
        self.position = message.offset.0 + 1;
    }

    fn count(
        &mut self,
        message: Message<'_>,
        index: usize,
        record: &SeismicRecord,
        bytes: &[u8],
    ) -> Result<(), &'static str> {
        let offset = message.offset.0;
        let time = self.judge(record)?;
        let room = self.sensors.len() < usize::try_from(self.rules.max_sensors).unwrap();
        if !room && !self.sensors.contains_key(&record.sensor_id) {
            return Err("sensor_limit");
        }
        let id = &record.sensor_id;
        self.sensors.entry(id.clone()).or_default().last_offset = offset;
        if self.hold(message, index, record, time, bytes)? {
            self.decide(id, offset);
            return Ok(());
        }
        let (amplitude, phase) = (record.seismic_amplitude, record.phase_type.clone());
        let placed = self.place(id, Sample { time, amplitude, phase });
        self.close_due(id, offset);
        self.vote(id, time);
        self.decide(id, offset);
        placed
    }

    /// Counts a sample whose time is believed.
    fn place(&mut self, id: &str, sample: Sample) -> Result<(), &'static str> {
        let window = i128::from(self.rules.window_ms);
        let time = sample.time;
        let start = time.div_euclid(window) * window;
        let sensor = self.sensors.get_mut(id).unwrap();
        if sensor.is_closed(start + window, &self.rules) {
            return match late::is_allowed(sensor, start + window, &self.rules) {
                true => self.place_late(id, sample),
                false => Err("late"),
            };
        }
        if !sensor.windows.contains_key(&start) && sensor.windows.len() == WINDOWS_PER_SENSOR {
            return Err("window_limit");
        }
        if !sensor.windows.contains_key(&start)
            && let Some((_, counts)) = sensor.pending.take_if(|(pending, _)| *pending == start)
        {
            sensor.rejects.insert(start, counts);
        }
        let samples = sensor.windows.entry(start).or_default();
        let repeats = samples.iter().any(|sample| sample.time == time);
        if repeats && self.rules.dedupe == Dedupe::Time {
            return Err("duplicate");
        }
        samples.push(sample);
        sensor.advance(time);
        Ok(())
    }

    /// Closes the windows that the sensor's clock has passed by the lateness.
    fn close_due(&mut self, id: &str, offset: u64) {
        let wait = i128::from(self.rules.window_ms) + i128::from(self.rules.lateness_ms);
        let Some(clock) = self.sensors[id].clock else { return };
        let is_due = |start: &i128| clock >= start + wait;
        let due: Vec<i128> = self.sensors[id].windows.keys().copied().take_while(is_due).collect();
        for start in due {
            self.close(id, start, ClosedBy::Time, offset);
        }
        self.close_late(id, false, ClosedBy::Time, offset);
    }

    /// Counts a rejected record beside its window, where there is one or may be one later.
    fn count_reject(&mut self, record: &SeismicRecord, reason: &str) {
        if let Ok(time) = self.judge_time(record) {
            self.count_reject_at(&record.sensor_id, time, reason);
        }
    }

    fn count_reject_at(&mut self, id: &str, time: i128, reason: &str) {
        let kind = match reason {
            "bad_quality" | "bad_position" | "out_of_region" | "bad_phase" => 0,
            "amplitude_out_of_range" => 1,
            "duplicate" => 2,
            _ => return,
        };
        let window = i128::from(self.rules.window_ms);
        let start = time.div_euclid(window) * window;
        let Some(sensor) = self.sensors.get_mut(id) else { return };
        if self.rules.version < 3 {
            return;
        }
        if sensor.windows.contains_key(&start) {
            sensor.rejects.entry(start).or_default()[kind] += 1;
            return;
        }
        let is_closed = sensor.is_closed(start + window, &self.rules);
        if is_closed
            && self.rules.version >= 5
            && late::is_allowed(sensor, start + window, &self.rules)
        {
            sensor.late.count_reject(start, kind);
            return;
        }
        let newest = sensor.pending.map(|(pending, _)| pending);
        if is_closed || newest.is_some_and(|newest| newest > start) {
            return;
        }
        if newest != Some(start) {
            sensor.pending = Some((start, [0; 3]));
        }
        sensor.pending.as_mut().unwrap().1[kind] += 1;
    }

    /// The event time of a record worth counting, or the first reason against it.
    fn judge(&self, record: &SeismicRecord) -> Result<i128, &'static str> {
        let (longitude, latitude) = (record.longitude, record.latitude);
        let amplitude = record.seismic_amplitude;
        let (lowest, highest) = (*self.rules.amplitude.start(), *self.rules.amplitude.end());
        if record.sensor_id.is_empty() {
            return Err("empty_sensor");
        }
        if record.sensor_id.len() > SENSOR_ID_BYTES {
            return Err("long_sensor");
        }
        if record.data_quality != 1 {
            return Err("bad_quality");
        }
        if !amplitude.is_finite() || amplitude < lowest || amplitude > highest {
            return Err("amplitude_out_of_range");
        }
        if longitude.is_nan() || latitude.is_nan() || longitude.abs() > 180. || latitude.abs() > 90.
        {
            return Err("bad_position");
        }
        if let Some(region) = self.rules.region {
            let (west, east) = region.longitude;
            let (south, north) = region.latitude;
            if longitude < west || longitude > east || latitude < south || latitude > north {
                return Err("out_of_region");
            }
        }
        let phase = ["P", "S", "N"].iter().position(|phase| *phase == record.phase_type);
        if phase.is_none_or(|phase| !self.rules.phases.each()[phase]) {
            return Err("bad_phase");
        }
        self.judge_time(record)
    }

    /// The event time of a record, if it can be one.
    fn judge_time(&self, record: &SeismicRecord) -> Result<i128, &'static str> {
        let append = i128::from(self.append_ms.unwrap());
        let time = match self.rules.time {
            TimeMode::Event => i128::from(record.collect_timestamp),
            TimeMode::Ingest => append,
        };
        let (earliest, latest) = self.rules.event_ms;
        if time < i128::from(earliest) || time >= i128::from(latest) {
            return Err("bad_time");
        }
        if time - append > i128::from(self.rules.max_ahead_ms) {
            return Err("future_timestamp");
        }
        Ok(time)
    }

    pub fn close_idle(&mut self, below: u64) {
        let lateness = i128::from(self.rules.lateness_ms);
        let until = i128::from(self.append_ms.unwrap_or(i64::MIN)) - lateness;
        self.close_where(ClosedBy::Idle, Some(until), |sensor| sensor.last_offset < below);
    }

    pub fn end(&mut self) {
        self.close_where(ClosedBy::End, None, |_| true);
    }

    pub fn gap(&mut self, to: u64) {
        self.position = to;
    }

    /// Closes all windows of these sensors, and their spans that end until `until`.
    fn close_where(
        &mut self,
        closed_by: ClosedBy,
        until: Option<i128>,
        is_meant: impl Fn(&Sensor) -> bool,
    ) {
        let meant = self.sensors.iter().filter(|(_, sensor)| is_meant(sensor));
        let meant: Vec<String> = meant.map(|(id, _)| id.clone()).collect();
        for id in meant {
            self.give_up_all(&id, closed_by);
            let starts: Vec<i128> = self.sensors[&id].windows.keys().copied().collect();
            for start in starts {
                self.close(&id, start, closed_by, self.position);
            }
            self.close_late(&id, true, closed_by, self.position);
            self.close_spans(&id, until, closed_by, self.position);
        }
    }

    /// Closes the spans of a sensor that end until `until`.
    fn close_spans(&mut self, id: &str, until: Option<i128>, closed_by: ClosedBy, offset: u64) {
        for (level, length) in self.rules.rollups_ms.clone().into_iter().enumerate() {
            let Some(span) = self.sensors[id].spans.get(&level).cloned() else { continue };
            let is_over = until.is_none_or(|until| span.start + i128::from(length) <= until);
            if is_over && !span.windows.is_empty() {
                self.roll_out(id, level, &span, closed_by, offset);
                let rest = Span {
                    start: span.start,
                    rows: span.rows + 1,
                    windows: Vec::new(),
                    rejects: [0; 3],
                };
                self.sensors.get_mut(id).unwrap().spans.insert(level, rest);
            }
        }
    }

    fn close(&mut self, id: &str, start: i128, closed_by: ClosedBy, closing_offset: u64) {
        let end = start + i128::from(self.rules.window_ms);
        let sensor = self.sensors.get_mut(id).unwrap();
        let samples = sensor.windows.remove(&start).unwrap();
        let rejects = sensor.rejects.remove(&start).unwrap_or_default();
        sensor.closed_until = Some(sensor.closed_until.map_or(end, |until| until.max(end)));
        self.totals.closed += samples.len() as u64;
        self.totals.windows += 1;
        let pane = sensor.pane(start, 0, &self.rules);
        let row =
            self.row(id, (start, end), std::slice::from_ref(&samples), closed_by, closing_offset);
        self.rows.push(SeismicAggRecord { pane, ..with_rejects(row, rejects) });
        for level in 0..self.rules.rollups_ms.len() {
            self.roll_in(id, level, start, (samples.clone(), rejects), closed_by, closing_offset);
        }
    }

    fn roll_in(
        &mut self,
        id: &str,
        level: usize,
        start: i128,
        (samples, rejects): (Vec<Sample>, [i64; 3]),
        closed_by: ClosedBy,
        closing_offset: u64,
    ) {
        let length = i128::from(self.rules.rollups_ms[level]);
        let span_start = start.div_euclid(length) * length;
        let before = self.sensors.get_mut(id).unwrap().spans.remove(&level);
        let mut span = match before {
            Some(span) if span.start == span_start => span,
            before => {
                if let Some(over) = before.filter(|span| !span.windows.is_empty()) {
                    self.roll_out(id, level, &over, closed_by, closing_offset);
                }
                Span { start: span_start, rows: 0, windows: Vec::new(), rejects: [0; 3] }
            }
        };
        span.windows.push(samples);
        for (ours, more) in span.rejects.iter_mut().zip(rejects) {
            *ours += more;
        }
        if start + i128::from(self.rules.window_ms) == span_start + length {
            self.roll_out(id, level, &span, closed_by, closing_offset);
        } else {
            self.sensors.get_mut(id).unwrap().spans.insert(level, span);
        }
    }

    fn roll_out(&mut self, id: &str, level: usize, span: &Span, by: ClosedBy, at: u64) {
        let end = span.start + i128::from(self.rules.rollups_ms[level]);
        let row = self.row(id, (span.start, end), &span.windows, by, at);
        let row = with_rejects(row, span.rejects);
        let rules = &self.rules;
        let pane = self.sensors.get_mut(id).unwrap().pane(span.start, span.rows, rules);
        self.rollups[level].push(SeismicAggRecord { pane, ..row });
    }

    fn row(
        &self,
        id: &str,
        (start, end): (i128, i128),
        windows: &[Vec<Sample>],
        closed_by: ClosedBy,
        closing_offset: u64,
    ) -> SeismicAggRecord {
        let interval = self.sensors[id].interval.map_or(0.0, |us| us as f64 / 1_000.0);
        let length = (end - start) as f64;
        let empty = length - windows.iter().flatten().count() as f64 * interval;
        SeismicAggRecord {
            sensor_id: id.to_owned(),
            window_start_ts: start as i64,
            window_end_ts: end as i64,
            closed_by: closed_by.into(),
            input_partition: self.partition,
            closing_offset: closing_offset as i64,
            sample_interval_ms: interval,
            clock_era: self.sensors[id].era,
            gap_fraction: if interval > 0.0 && empty > 0.0 { empty / length } else { 0.0 },
            ..statistics(windows)
        }
    }

    fn bury(&mut self, from: Message<'_>, index: usize, reason: &str, key: &[u8], bytes: &[u8]) {
        *self.totals.dead.entry(reason.to_owned()).or_default() += 1;
        let key = key[..key.len().min(SENSOR_ID_BYTES)].to_vec();
        let letter = SeismicDeadLetter {
            reason: reason.to_owned(),
            input_topic: self.topic.clone(),
            input_partition: self.partition,
            input_offset: from.offset.0 as i64,
            index: index as i32,
            append_ms: self.append_ms.unwrap(),
            bytes: bytes[..bytes.len().min(DEAD_LETTER_BYTES)].to_vec(),
            original_len: bytes.len() as i64,
            sha256: Sha256::digest(bytes).to_vec(),
            ..Default::default()
        };
        self.dead.push((key, letter));
    }

    /// Rows of the roll-ups since the last call, by level.
    pub fn take_rollups(&mut self) -> Vec<Vec<SeismicAggRecord>> {
        self.rollups.iter_mut().map(std::mem::take).collect()
    }

    /// Rows and dead letters since the last call.
    #[allow(clippy::type_complexity)]
    pub fn take(&mut self) -> (Vec<SeismicAggRecord>, Vec<(Vec<u8>, SeismicDeadLetter)>) {
        (std::mem::take(&mut self.rows), std::mem::take(&mut self.dead))
    }

    /// Where the records went; what is open is counted again.
    pub fn totals(&self) -> Totals {
        let windows = |sensor: &'_ Sensor| {
            sensor.windows.values().chain(sensor.late.windows()).cloned().collect()
        };
        let open =
            || self.sensors.values().flat_map(|sensor| -> Vec<Vec<Sample>> { windows(sensor) });
        let held = self.sensors.values().flat_map(|sensor| &sensor.held);
        let held = held.filter(|held| held.waits).count() as u64;
        Totals {
            open: open().map(|samples| samples.len() as u64).sum::<u64>() + held,
            open_windows: open().count() as u64,
            sensors: self.sensors.len() as u64,
            ..self.totals.clone()
        }
    }
}
