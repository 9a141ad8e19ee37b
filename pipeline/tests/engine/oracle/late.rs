//! Late records that still count in further rows, written from the documented guarantees.

use std::collections::BTreeMap;

use seismic_pipeline::{Dedupe, Rules, TimeMode};
use seismic_proto::{ClosedBy, SeismicAggRecord};

use super::statistics::Sample;
use super::{Oracle, Sensor, Span, with_rejects};

const LATE_WINDOWS: usize = 1_000;

/// What is open for late records of a sensor.
#[derive(Default)]
pub struct Late {
    clock: Option<i128>,
    windows: BTreeMap<i128, LateWindow>,
    spans: BTreeMap<usize, LateSpan>,
    /// Rejected, clipped and repeated records of the last window with some that is not open.
    pub pending: Option<(i128, [i64; 3])>,
}

struct LateWindow {
    samples: Vec<Sample>,
    rejects: [i64; 3],
    /// When the late clock, and when the sensor's clock, closes it.
    second_due: i128,
    due: i128,
}

struct LateSpan {
    span: Span,
    newest: i128,
    due: i128,
}

impl Late {
    pub fn windows(&self) -> impl Iterator<Item = &Vec<Sample>> {
        self.windows.values().map(|late| &late.samples)
    }

    /// A rejected record of a closed window.
    pub fn count_reject(&mut self, start: i128, kind: usize) {
        if let Some(open) = self.windows.get_mut(&start) {
            open.rejects[kind] += 1;
            return;
        }
        let pending = self.pending.take().filter(|(pending, _)| *pending == start);
        let (_, mut counts) = pending.unwrap_or((start, [0; 3]));
        counts[kind] += 1;
        self.pending = Some((start, counts));
    }
}

pub fn allows(rules: &Rules) -> bool {
    rules.version >= 4 && rules.allowed_lateness_ms > 0 && rules.time == TimeMode::Event
}

/// Whether a record of a closed window with this end still counts.
pub fn is_allowed(sensor: &Sensor, end: i128, rules: &Rules) -> bool {
    let wait = i128::from(rules.lateness_ms) + i128::from(rules.allowed_lateness_ms);
    allows(rules) && sensor.clock.is_none_or(|clock| clock < end + wait)
}

impl Oracle {
    pub(super) fn place_late(&mut self, id: &str, sample: Sample) -> Result<(), &'static str> {
        let window = i128::from(self.rules.window_ms);
        let wait = window + i128::from(self.rules.lateness_ms);
        let start = sample.time.div_euclid(window) * window;
        let sensor = self.sensors.get_mut(id).unwrap();
        let (clock, late) = (sensor.clock.unwrap(), &mut sensor.late);
        if let Some(open) = late.windows.get_mut(&start) {
            let repeats = open.samples.iter().any(|before| before.time == sample.time);
            if repeats && self.rules.dedupe == Dedupe::Time {
                return Err("duplicate");
            }
            late.clock = late.clock.max(Some(sample.time));
            open.samples.push(sample);
            return Ok(());
        }
        if late.windows.is_empty() {
            late.clock = None;
        }
        let second_due = late.clock.unwrap_or(start).max(start) + wait;
        late.clock = late.clock.max(Some(sample.time));
        let pending = late.pending.take_if(|(pending, _)| *pending == start);
        let rejects = pending.map_or([0; 3], |(_, counts)| counts);
        let opened = LateWindow { samples: vec![sample], rejects, second_due, due: clock + wait };
        late.windows.insert(start, opened);
        Ok(())
    }

    /// Closes what a clock has passed of what is open for late records; all of it without a clock.
    pub(super) fn close_late(&mut self, id: &str, all: bool, by: ClosedBy, offset: u64) {
        loop {
            let sensor = &self.sensors[id];
            let (clock, late) = (sensor.clock, &sensor.late);
            let is_over = |window: &LateWindow| {
                all || Some(window.second_due) <= late.clock
                    || Some(window.due) <= clock
                    || late.windows.len() > LATE_WINDOWS
            };
            let over = late.windows.iter().find(|(_, window)| is_over(window));
            let Some(start) = over.map(|(start, _)| *start) else { break };
            self.close_late_window(id, start, by, offset);
        }
        for level in 0..self.rules.rollups_ms.len() {
            let sensor = self.sensors.get_mut(id).unwrap();
            let Some(open) = sensor.late.spans.get(&level) else { continue };
            if all || Some(open.due) <= sensor.clock {
                let over = sensor.late.spans.remove(&level).unwrap();
                self.roll_out_late(id, level, &over.span, by, offset);
            }
        }
    }

    fn close_late_window(&mut self, id: &str, start: i128, by: ClosedBy, offset: u64) {
        let end = start + i128::from(self.rules.window_ms);
        let sensor = self.sensors.get_mut(id).unwrap();
        let LateWindow { samples, rejects, .. } = sensor.late.windows.remove(&start).unwrap();
        sensor.panes += 1;
        let pane = sensor.panes;
        self.totals.closed += samples.len() as u64;
        self.totals.windows += 1;
        let row = self.row(id, (start, end), std::slice::from_ref(&samples), by, offset);
        self.rows.push(SeismicAggRecord { pane, ..with_rejects(row, rejects) });
        for (level, length) in self.rules.rollups_ms.clone().into_iter().enumerate() {
            let length = i128::from(length);
            let span_start = start.div_euclid(length) * length;
            let sensor = self.sensors.get_mut(id).unwrap();
            let before = sensor.late.spans.remove(&level);
            let due = sensor.clock.unwrap() + length + i128::from(self.rules.lateness_ms);
            let fresh = Span { start: span_start, rows: 0, windows: Vec::new(), rejects: [0; 3] };
            let mut open = match before {
                Some(open) if open.span.start == span_start && open.newest < start => open,
                before => {
                    if let Some(over) = before {
                        self.roll_out_late(id, level, &over.span, by, offset);
                    }
                    LateSpan { span: fresh, newest: start, due }
                }
            };
            open.span.windows.push(samples.clone());
            (0..3).for_each(|kind| open.span.rejects[kind] += rejects[kind]);
            open.newest = start;
            if end == span_start + length {
                self.roll_out_late(id, level, &open.span, by, offset);
            } else {
                self.sensors.get_mut(id).unwrap().late.spans.insert(level, open);
            }
        }
    }

    fn roll_out_late(&mut self, id: &str, level: usize, span: &Span, by: ClosedBy, at: u64) {
        let end = span.start + i128::from(self.rules.rollups_ms[level]);
        let row = self.row(id, (span.start, end), &span.windows, by, at);
        let row = with_rejects(row, span.rejects);
        let sensor = self.sensors.get_mut(id).unwrap();
        sensor.panes += 1;
        self.rollups[level].push(SeismicAggRecord { pane: sensor.panes, ..row });
    }
}
