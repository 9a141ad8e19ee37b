//! Large steps of a sensor's clock: accepted only when later records confirm them.
//!
//! ```text
//!   clock ──●●●●●●●●
//!                    ○ far ahead: held            two later records nearer to it than to the clock:
//!                      ●●  or  ○○                 the clock follows; two that are not: given up
//! ```
//!
//! A record that is far ahead of the clock, and a late one that is far behind it, is held. It does
//! not move the clock, so one wrong timestamp makes nothing late. Records that are not held vote
//! for the clock; held ones vote for whichever is nearer. As soon as a held record has two votes,
//! it is decided: the clock steps there, or the record is rejected. A single vote for the clock
//! refutes a step back: a clock that was set back stays there, while a station that backfills mixes
//! old records with new ones. A step back begins a new *era*: windows that were closed before may
//! have rows already, so new rows for them carry the number of the era.
//!
//! If the records of a sensor are always further apart than the largest step, its first confirmed
//! step shows it, and from then on it may step up to twice that distance.
//!
//! At an idle close the held record becomes a dead letter, but its time is kept and votes continue
//! to count; otherwise the clock of a sensor that is idle after each record could never step.

use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::irregular::{HeldRecord, Irregular};
use crate::engine::windows::sensor::late_panes::LatePanes;
use crate::engine::windows::sensor::{Added, Sensor, SpareWindows, count, due_ms, in_window};
use crate::engine::windows::window::Sample;
use crate::limits;

/// Later records that decide.
const VOTES: u32 = 2;

impl Sensor {
    /// Counts a record outside the newest window, unless it is too far from the clock to be
    /// believed at once, or late.
    #[inline(never)]
    pub(super) fn judge_outside_newest(
        &mut self,
        sample: Sample,
        rules: &Rules,
        spares: &mut SpareWindows,
    ) -> Result<Added, RejectReason> {
        let is_late = self.is_late(rules.window_start(sample.time_ms), rules);
        if rules.judges_clocks() && self.is_step(sample.time_ms, is_late, rules) {
            return Ok(Added::Unjudged);
        }
        if is_late {
            return self.allow(sample.time_ms, rules);
        }
        self.add_outside_newest(sample, rules, spares)
    }

    /// Counts a record in its window, however far that is from the clock.
    ///
    /// # Errors
    /// As [`Sensor::add_sample`].
    #[cold]
    pub fn add_believed(
        &mut self,
        sample: Sample,
        rules: &Rules,
        spares: &mut SpareWindows,
    ) -> Result<Added, RejectReason> {
        let is_late = self.is_late(rules.window_start(sample.time_ms), rules);
        let added = match &mut self.newest {
            Some(window) if in_window(window, sample.time_ms, rules) => count(window, sample)?,
            _ if is_late => return self.allow(sample.time_ms, rules),
            _ => self.add_outside_newest(sample, rules, spares)?,
        };
        self.advance(sample.time_ms);
        Ok(added)
    }

    /// What becomes of a late record.
    fn allow(&self, time_ms: i64, rules: &Rules) -> Result<Added, RejectReason> {
        let is_allowed = self.is_allowed(time_ms, rules);
        if is_allowed { Ok(Added::Nowhere) } else { Err(RejectReason::Late) }
    }

    /// Whether a late record still counts.
    pub(super) fn is_allowed(&self, time_ms: i64, rules: &Rules) -> bool {
        let due_ms = due_ms(rules.window_start(time_ms), rules);
        rules.allows_late() && self.clock_ms < due_ms.saturating_add(rules.allowed_lateness_ms)
    }

    /// Whether a record is too far from the clock to be believed at once.
    fn is_step(&self, time_ms: i64, is_late: bool, rules: &Rules) -> bool {
        if self.clock_ms == i64::MIN {
            return false;
        }
        if is_late {
            return !self.is_allowed(time_ms, rules)
                && time_ms < self.clock_ms.saturating_sub(rules.jump_back_ms());
        }
        let stride_ms = self.irregular.as_ref().map_or(0, |irregular| irregular.stride_ms);
        time_ms > self.clock_ms.saturating_add(rules.jump_ahead_ms().max(stride_ms))
    }

    /// Whether records are held.
    #[inline]
    #[must_use]
    pub fn has_held(&self) -> bool {
        self.irregular.as_ref().is_some_and(|irregular| !irregular.held.is_empty())
    }

    /// Its records that are held.
    pub fn held(&self) -> impl Iterator<Item = &HeldRecord> {
        self.irregular.iter().flat_map(|irregular| irregular.open())
    }

    /// How often its clock was set back.
    #[must_use]
    pub fn era(&self) -> u32 {
        self.irregular.as_ref().map_or(0, |irregular| irregular.era)
    }

    /// Holds a record, which votes on those before it. Gives one that has to make room.
    pub fn hold(&mut self, record: HeldRecord) -> Option<HeldRecord> {
        let clock_ms = self.clock_ms;
        let held = &mut self.irregular_mut().held;
        for before in &mut *held {
            match is_nearer(record.sample.time_ms, before.sample.time_ms, clock_ms) {
                true => before.supporters += 1,
                false => before.opponents += 1,
            }
        }
        let oldest = (held.len() >= limits::HELD_RECORDS).then(|| held.remove(0));
        held.push(record);
        self.due_ms = i64::MIN;
        oldest
    }

    /// Lets a record that is not held vote on those that are.
    pub fn vote(&mut self, time_ms: i64) {
        let clock_ms = self.clock_ms;
        for held in self.irregular.iter_mut().flat_map(|irregular| &mut irregular.held) {
            if !is_nearer(time_ms, held.sample.time_ms, clock_ms) {
                held.opponents += 1;
            }
        }
    }

    /// Takes the first held record that later ones have confirmed.
    pub fn take_confirmed(&mut self, rules: &Rules) -> Option<HeldRecord> {
        let place = self.held_place(|record| record.supporters >= VOTES)?;
        let stride_ms = self.stride_ms(place);
        self.irregular_mut().stride_ms = stride_ms;
        Some(self.take_held(place, rules))
    }

    /// Takes the first held record that later ones have refuted.
    pub fn take_refuted(&mut self, rules: &Rules) -> Option<HeldRecord> {
        let clock_ms = self.clock_ms;
        let is_refuted = |record: &HeldRecord| {
            let is_back = record.sample.time_ms < clock_ms;
            record.opponents >= if is_back { 1 } else { VOTES }
        };
        let place = self.held_place(is_refuted)?;
        Some(self.take_held(place, rules))
    }

    /// Takes the first held record that is not far from the clock any more.
    pub fn take_near(&mut self, rules: &Rules) -> Option<HeldRecord> {
        let is_near = |record: &HeldRecord| {
            let time_ms = record.sample.time_ms;
            let is_late = self.is_late(rules.window_start(time_ms), rules);
            !self.is_step(time_ms, is_late, rules)
        };
        let place = self.held_place(is_near)?;
        Some(self.take_held(place, rules))
    }

    /// Gives the records that are held, which are then remembered for their times alone.
    pub fn spend_held(&mut self) -> Vec<HeldRecord> {
        let held = self.irregular.iter_mut().flat_map(|irregular| &mut irregular.held);
        held.filter(|record| record.is_open())
            .map(|record| HeldRecord { bytes: std::mem::take(&mut record.bytes), ..*record })
            .collect()
    }

    /// Counts a record far ahead that is given up.
    pub fn count_refuted(&mut self) {
        let refuted = &mut self.irregular_mut().refuted;
        *refuted = refuted.saturating_add(1);
    }

    /// Begins another era of the clock, with nothing closed and no clock. Everything that was open
    /// must be closed.
    pub fn begin_era(&mut self) {
        let closed_until_ms = std::mem::replace(&mut self.closed_until_ms, i64::MIN);
        let irregular = self.irregular_mut();
        irregular.era += 1;
        irregular.again_until_ms = irregular.again_until_ms.max(closed_until_ms);
        irregular.late.forget_pending();
        self.clock_ms = i64::MIN;
        self.rollups = None;
        self.pending = None;
    }

    /// Moves the clock to a record that is not counted.
    pub fn follow(&mut self, time_ms: i64) {
        self.advance(time_ms);
    }

    /// Counts a late record that is allowed; whether it opened a window.
    ///
    /// # Errors
    /// [`RejectReason::Duplicate`] when the job dedupes and it repeats one of an open window.
    pub fn add_late(&mut self, sample: Sample, rules: &Rules) -> Result<bool, RejectReason> {
        let clock_ms = self.clock_ms;
        let is_new = self.irregular_mut().late.add(sample, clock_ms, rules)?;
        self.set_due(rules);
        Ok(is_new)
    }

    /// What is open for late records.
    pub fn late(&self) -> Option<&LatePanes> {
        self.irregular.as_ref().map(|irregular| &irregular.late).filter(|late| !late.is_empty())
    }

    /// Changes what is open for late records, if there is something.
    pub fn with_late<T>(
        &mut self,
        rules: &Rules,
        change: impl FnOnce(&mut LatePanes, i64) -> Option<T>,
    ) -> Option<T> {
        let clock_ms = self.clock_ms;
        let late = &mut self.irregular.as_mut()?.late;
        let taken = change(late, clock_ms)?;
        self.set_due(rules);
        Some(taken)
    }

    /// Number of a further row.
    pub fn next_pane(&mut self) -> u32 {
        self.irregular_mut().next_pane()
    }

    /// Number of the row of a window that is closed.
    pub fn window_pane(&mut self, start_ms: i64) -> u32 {
        match &mut self.irregular {
            Some(irregular) if start_ms < irregular.again_until_ms => irregular.next_pane(),
            _ => 0,
        }
    }

    /// Number of the row of a span that is closed, which has had that many rows in this era.
    pub fn span_pane(&mut self, start_ms: i64, rows: u32, rules: &Rules) -> u32 {
        match &mut self.irregular {
            Some(irregular) if start_ms < irregular.again_until_ms => irregular.next_pane(),
            // Late records may have a row of the span, too.
            _ if rows > 0 && rules.allows_late() => self.next_pane(),
            _ => {
                if rows > 0 && rules.judges_clocks() {
                    let panes = &mut self.irregular_mut().panes;
                    *panes = rows.max(*panes);
                }
                rows
            }
        }
    }

    pub(super) fn irregular_mut(&mut self) -> &mut Irregular {
        self.irregular.get_or_insert_default()
    }

    fn held_place(&self, is_it: impl Fn(&HeldRecord) -> bool) -> Option<usize> {
        self.irregular.as_ref()?.held.iter().position(is_it)
    }

    fn take_held(&mut self, place: usize, rules: &Rules) -> HeldRecord {
        let record = self.irregular_mut().held.remove(place);
        self.set_due(rules);
        record
    }

    /// Twice the least distance between the record at `place` and those that confirm it.
    fn stride_ms(&self, place: usize) -> i64 {
        let held = self.irregular.iter().flat_map(|irregular| &irregular.held).skip(place);
        let mut times: Vec<i64> = held.map(|record| record.sample.time_ms).collect();
        let candidate_ms = times[0];
        times.retain(|&time_ms| {
            time_ms == candidate_ms || is_nearer(time_ms, candidate_ms, self.clock_ms)
        });
        times.sort_unstable();
        times.dedup();
        let least = times.windows(2).map(|pair| pair[1] - pair[0]).min();
        least.unwrap_or(0).saturating_mul(2).min(limits::STRIDE_MS)
    }
}

impl Irregular {
    fn next_pane(&mut self) -> u32 {
        self.panes = self.panes.saturating_add(1);
        self.panes
    }
}

/// Whether a time is nearer to that of a held record than to the clock.
fn is_nearer(time_ms: i64, held_ms: i64, clock_ms: i64) -> bool {
    time_ms.abs_diff(held_ms) < time_ms.abs_diff(clock_ms)
}
