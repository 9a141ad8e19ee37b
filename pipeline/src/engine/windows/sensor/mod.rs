//! One sensor: its clock, how far it is closed, and its open windows. It is independent of other
//! sensors.

pub(crate) mod clock_steps;
pub mod health;
pub(crate) mod idle_sensors;
pub(crate) mod index;
pub(crate) mod irregular;
pub(crate) mod late_panes;
pub(crate) mod sampling_interval;
mod stored;

use std::collections::VecDeque;

use seismic_queue::Offset;

use crate::engine::windows::reject_counts::{PendingRejects, RejectCounts};
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rollup::Rollups;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::idle_sensors::Filing;
use crate::engine::windows::sensor::irregular::Irregular;
use crate::engine::windows::sensor::late_panes::LatePanes;
use crate::engine::windows::sensor::sampling_interval::SamplingInterval;
use crate::engine::windows::window::{Sample, Window};
use crate::limits;

/// State of one sensor. Never evicted: a forgotten `closed_until` would emit a window twice.
#[derive(Debug)]
pub struct Sensor {
    /// Newest event time, ms since 1970 UTC.
    clock_ms: i64,
    /// What the clock must reach for the oldest open window to close; `i64::MAX` when none is open,
    /// and `i64::MIN` while records are held, so that each further one is looked at.
    due_ms: i64,
    /// Newest closed end since the clock was set back last; `i64::MIN` when nothing was closed.
    closed_until_ms: i64,
    /// Offset of the last message with a record of this sensor that passed the cleaning.
    last_offset: Offset,
    /// How far apart its records are.
    interval: SamplingInterval,
    /// Where it is found when it falls silent.
    pub filed: Filing,
    /// The newest open window, which most records are of.
    newest: Option<Window>,
    /// Further open windows, rising; closed from the front.
    older: Option<Older>,
    /// What its closed windows are summed up to; one word where the job has no roll-ups.
    rollups: Option<Box<Rollups>>,
    /// What was rejected of its newest window that is not open yet.
    pending: Option<Box<PendingRejects>>,
    /// What it has if its clock was not regular.
    irregular: Option<Box<Irregular>>,
}

/// Windows of a sensor beside its newest.
#[allow(clippy::box_collection, reason = "one word in the common case of no further window")]
type Older = Box<VecDeque<Window>>;

/// Memory of sensors that had several windows open, for those that have next: in the steady state a
/// window costs no allocation.
#[derive(Debug, Default)]
pub struct SpareWindows(Vec<Older>);

impl SpareWindows {
    fn recycle(&mut self, older: Older) {
        if self.0.len() < limits::SPARE_WINDOWS {
            self.0.push(older);
        }
    }
}

/// A sensor that is about to be given its first record.
impl Default for Sensor {
    fn default() -> Self {
        Sensor {
            clock_ms: i64::MIN,
            due_ms: i64::MAX,
            closed_until_ms: i64::MIN,
            last_offset: Offset(0),
            interval: SamplingInterval::default(),
            filed: Filing::No,
            newest: None,
            older: None,
            rollups: None,
            pending: None,
            irregular: None,
        }
    }
}

impl Sensor {
    /// Counts a record in its window, unless its clock would step too far.
    ///
    /// # Errors
    /// [`RejectReason::Late`] when that window is closed, [`RejectReason::Duplicate`] when the job
    /// dedupes and the record repeats one, [`RejectReason::WindowLimit`] when its window would be
    /// one too many; the record is not counted.
    // Within `Engine::step`, with what it does for each record.
    #[inline(always)]
    pub fn add_sample(
        &mut self,
        at: Offset,
        sample: Sample,
        rules: &Rules,
        spares: &mut SpareWindows,
    ) -> Result<Added, RejectReason> {
        self.last_offset = at;
        let added = match &mut self.newest {
            // An open window is never late, so only its bounds have to be asked.
            Some(window) if in_window(window, sample.time_ms, rules) => count(window, sample)?,
            _ => match self.judge_outside_newest(sample, rules, spares)? {
                added @ (Added::Unjudged | Added::Nowhere) => return Ok(added),
                added => added,
            },
        };
        self.advance(sample.time_ms);
        Ok(added)
    }

    /// Moves the clock on, if that is later than it.
    #[inline(always)]
    fn advance(&mut self, time_ms: i64) {
        if time_ms > self.clock_ms {
            if self.clock_ms > i64::MIN {
                self.interval.learn(time_ms.saturating_sub(self.clock_ms));
            }
            self.clock_ms = time_ms;
        }
    }

    /// Its newest event time, ms since 1970 UTC.
    #[must_use]
    pub fn clock_ms(&self) -> i64 {
        self.clock_ms
    }

    /// Its own sampling interval, as far as it is known.
    #[must_use]
    pub fn interval(&self) -> SamplingInterval {
        self.interval
    }

    fn add_outside_newest(
        &mut self,
        sample: Sample,
        rules: &Rules,
        spares: &mut SpareWindows,
    ) -> Result<Added, RejectReason> {
        let start_ms = rules.window_start(sample.time_ms);
        let pending = &mut self.pending;
        let mut fresh = || {
            let mut window = Window::first(start_ms, sample, rules);
            if let Some(of_it) = pending.take_if(|pending| pending.start_ms == start_ms) {
                window.add_rejects(&of_it.counts);
            }
            window
        };
        let Some(newest) = &mut self.newest else {
            self.newest = Some(fresh());
            self.due_ms = self.due_ms.min(due_ms(start_ms, rules));
            return Ok(Added::ToNewWindow);
        };
        let older = self.older.get_or_insert_with(|| spares.0.pop().unwrap_or_default());
        let is_full = older.len() + 1 >= limits::OPEN_WINDOWS_PER_SENSOR;
        if start_ms > newest.start_ms {
            if is_full {
                return Err(RejectReason::WindowLimit);
            }
            older.push_back(std::mem::replace(newest, fresh()));
            return Ok(Added::ToNewWindow);
        }
        let place = older.partition_point(|window| window.start_ms < start_ms);
        match older.get_mut(place) {
            Some(window) if window.start_ms == start_ms => count(window, sample),
            _ if is_full => Err(RejectReason::WindowLimit),
            _ => {
                older.insert(place, fresh());
                self.due_ms = self.due_ms.min(due_ms(start_ms, rules));
                Ok(Added::ToNewWindow)
            }
        }
    }

    /// Counts records that were rejected beside the window of their event time; of a window that is
    /// closed, beside its next further one where late records of it still count, and else in no
    /// row.
    pub fn count_rejects(&mut self, time_ms: i64, counts: &RejectCounts, rules: &Rules) {
        let start_ms = rules.window_start(time_ms);
        if let Some(window) = self.window_mut(start_ms) {
            return window.add_rejects(counts);
        }
        if self.is_late(start_ms, rules) {
            if rules.counts_late_rejects() && self.is_allowed(time_ms, rules) {
                self.irregular_mut().late.count_rejects(start_ms, counts);
            }
            return;
        }
        match &mut self.pending {
            Some(pending) if pending.start_ms > start_ms => {}
            Some(pending) if pending.start_ms == start_ms => pending.counts.add(counts),
            pending => *pending = Some(Box::new(PendingRejects { start_ms, counts: *counts })),
        }
    }

    fn window_mut(&mut self, start_ms: i64) -> Option<&mut Window> {
        match &mut self.newest {
            Some(newest) if newest.start_ms == start_ms => Some(newest),
            _ => {
                let older = self.older.as_mut()?;
                let place = older.partition_point(|window| window.start_ms < start_ms);
                older.get_mut(place).filter(|window| window.start_ms == start_ms)
            }
        }
    }

    /// Whether a window, which is not open, is closed.
    fn is_late(&self, start_ms: i64, rules: &Rules) -> bool {
        let end_ms = start_ms + rules.window_ms;
        end_ms <= self.closed_until_ms || end_ms.saturating_add(rules.lateness_ms) <= self.clock_ms
    }

    /// Whether the sensor's clock has passed the oldest open window's end plus the lateness.
    #[inline]
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.clock_ms >= self.due_ms && self.is_open()
    }

    /// The same without a look at what is held.
    #[must_use]
    pub fn is_oldest_over(&self, rules: &Rules) -> bool {
        let oldest = self.windows().next();
        oldest.is_some_and(|window| self.clock_ms >= due_ms(window.start_ms, rules))
    }

    /// Offset of the last message with a record of it that passed the cleaning.
    #[must_use]
    pub fn last_offset(&self) -> Offset {
        self.last_offset
    }

    /// Whether it has no record from `below` on.
    #[must_use]
    pub fn is_silent(&self, below: Offset) -> bool {
        self.last_offset < below
    }

    /// Whether it has an open window.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.newest.is_some()
    }

    /// Closes and gives the oldest open window.
    pub fn close_oldest(&mut self, rules: &Rules, spares: &mut SpareWindows) -> Option<Window> {
        let closed = self.older.as_mut().and_then(|older| older.pop_front());
        let closed = closed.or_else(|| self.newest.take())?;
        if let Some(older) = self.older.take_if(|older| older.is_empty()) {
            spares.recycle(older);
        }
        self.set_due(rules);
        self.closed_until_ms = self.closed_until_ms.max(closed.start_ms + rules.window_ms);
        Some(closed)
    }

    fn set_due(&mut self, rules: &Rules) {
        let oldest = self.windows().next();
        let due_ms = oldest.map_or(i64::MAX, |window| due_ms(window.start_ms, rules));
        let late_ms = self.irregular.as_ref().map_or(i64::MAX, |it| it.late.due_ms());
        self.due_ms = if self.has_held() { i64::MIN } else { due_ms.min(late_ms) };
    }

    /// Its roll-ups, made when the first window closes.
    pub fn rollups_mut(&mut self, rules: &Rules) -> &mut Rollups {
        self.rollups.get_or_insert_with(|| Box::new(Rollups::new(rules)))
    }

    /// Its roll-ups, if there are any.
    #[must_use]
    pub fn rollups(&self) -> Option<&Rollups> {
        self.rollups.as_deref()
    }

    /// The open windows, those for late records too.
    pub fn all_windows(&self) -> impl Iterator<Item = &Window> {
        self.windows().chain(self.late().into_iter().flat_map(LatePanes::windows))
    }

    /// The open windows, oldest first.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.older.iter().flat_map(|older| older.iter()).chain(&self.newest)
    }
}

/// What a counted record did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It went into a window that was open.
    ToOpenWindow,
    /// It opened a window.
    ToNewWindow,
    /// Nothing yet: its time is too far from the sensor's clock to be believed at once.
    Unjudged,
    /// Nothing yet: it is late, and still counts.
    Nowhere,
}

#[inline(always)]
fn count(window: &mut Window, sample: Sample) -> Result<Added, RejectReason> {
    if window.add(sample) { Ok(Added::ToOpenWindow) } else { Err(RejectReason::Duplicate) }
}

#[inline]
fn in_window(window: &Window, time_ms: i64, rules: &Rules) -> bool {
    // Both are valid event times, far from the ends of i64.
    (0..rules.window_ms).contains(&(time_ms - window.start_ms))
}

/// The clock at which a window closes. Its start is a valid event time, far from the ends of i64.
fn due_ms(start_ms: i64, rules: &Rules) -> i64 {
    start_ms + rules.window_ms + rules.lateness_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Rules {
        Rules { lateness_ms: 2_000, ..Rules::default() }
    }

    fn sample(time_ms: i64) -> Sample {
        Sample { time_ms, amplitude: 1.0, phase: crate::engine::windows::decode::Phase::N }
    }

    fn add(sensor: &mut Sensor, time_ms: i64) -> Result<Added, RejectReason> {
        sensor.add_sample(Offset(0), sample(time_ms), &rules(), &mut SpareWindows::default())
    }

    #[test]
    fn windows_stay_in_order_however_records_arrive() {
        let mut sensor = Sensor::default();
        for time in [2_500, 1_200, 3_100, 1_900, 2_400, 900] {
            // 900 is late: its end plus lateness is the clock of 3,100 or before it.
            assert_eq!(add(&mut sensor, time).is_ok(), time != 900, "{time}");
        }
        let windows: Vec<_> = sensor.windows().map(|w| (w.start_ms, w.count())).collect();
        assert_eq!(windows, [(1_000, 2), (2_000, 2), (3_000, 1)]);
    }

    #[test]
    fn negative_times_fall_into_windows_below_zero() {
        let mut sensor = Sensor::default();
        add(&mut sensor, -1).unwrap();
        assert_eq!(sensor.windows().next().unwrap().start_ms, -1_000);
    }

    #[test]
    fn a_window_skipped_by_a_close_is_late_afterwards() {
        let mut sensor = Sensor::default();
        add(&mut sensor, 500).unwrap();
        add(&mut sensor, 2_500).unwrap();
        while sensor.close_oldest(&rules(), &mut SpareWindows::default()).is_some() {}
        assert_eq!(add(&mut sensor, 1_500), Err(RejectReason::Late));
        assert_eq!(add(&mut sensor, 3_000), Ok(Added::ToNewWindow));
    }

    #[test]
    fn a_sensor_with_one_window_takes_at_most_256_bytes() {
        assert!(size_of::<Sensor>() <= 168, "{}", size_of::<Sensor>());
    }

    #[test]
    fn too_many_open_windows_are_refused_by_reason() {
        let rules = Rules { lateness_ms: 2_000_000, window_ms: 1, ..Rules::default() };
        let mut sensor = Sensor::default();
        let limit = limits::OPEN_WINDOWS_PER_SENSOR as i64;
        for time in 0..limit {
            sensor
                .add_sample(Offset(0), sample(time), &rules, &mut SpareWindows::default())
                .unwrap();
        }
        let more =
            sensor.add_sample(Offset(0), sample(limit), &rules, &mut SpareWindows::default());
        assert_eq!(more, Err(RejectReason::WindowLimit));
    }
}
