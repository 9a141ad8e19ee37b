//! Changes: the one under way, what they cost, and how many of them there were. Times are of the
//! state's own clock, which runs only while somebody watches.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::shape::Shape;

/// A change that is not seen in samples yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pending {
    pub from: Shape,
    pub to: Shape,
    pub since_ms: u64,
    /// What whoever acted measured, ms.
    pub cost_ms: Option<u64>,
}

/// A change that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Begun {
    at_ms: u64,
    up: bool,
    is_reversal: bool,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Changes {
    pub pending: Option<Pending>,
    recent: VecDeque<Begun>,
    costs_ms: VecDeque<u64>,
    cool_until_ms: u64,
    /// Failures in a row.
    failures: u32,
    /// How often the band was widened.
    wide: u32,
    wide_since_ms: u64,
}

impl Changes {
    /// Time passes.
    pub(crate) fn pass(&mut self, clock_ms: u64) {
        let is_over = clock_ms.saturating_sub(self.wide_since_ms) >= limits::NARROW_MS;
        if self.wide > 0 && is_over {
            self.wide -= 1;
            self.wide_since_ms = clock_ms;
        }
    }

    pub(crate) fn begin(&mut self, clock_ms: u64, from: Shape, to: Shape) {
        let up = to.is_above(from);
        let is_reversal = self.is_reversal(up);
        if self.flaps_with(clock_ms, up).is_some() {
            self.wide = (self.wide + 1).min(limits::WIDENINGS);
            self.wide_since_ms = clock_ms;
        }
        self.recent.push_back(Begun { at_ms: clock_ms, up, is_reversal });
        while self.recent.len() > limits::CHANGES {
            self.recent.pop_front();
        }
        self.pending = Some(Pending { from, to, since_ms: clock_ms, cost_ms: None });
    }

    /// Samples show it. What it cost is known if whoever acted measured it, or samples show it within
    /// `limit_ms`: later, nobody has looked meanwhile.
    pub(crate) fn done(&mut self, clock_ms: u64, limit_ms: u64) {
        let Some(pending) = self.pending.take() else { return };
        let seen_ms = clock_ms.saturating_sub(pending.since_ms);
        let seen_ms = Some(seen_ms).filter(|&seen_ms| seen_ms <= limit_ms);
        self.costs_ms.extend(pending.cost_ms.or(seen_ms));
        while self.costs_ms.len() > limits::COSTS {
            self.costs_ms.pop_front();
        }
        self.failures = 0;
        self.cool(clock_ms, self.cost_ms().saturating_mul(2));
    }

    /// Samples do not show it in time: the next one is tried later, each time twice as late.
    pub(crate) fn failed(&mut self, clock_ms: u64) {
        let Some(pending) = self.pending.take() else { return };
        let took_ms = clock_ms.saturating_sub(pending.since_ms).max(self.cost_ms());
        let pause_ms = took_ms.saturating_mul(2 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.cool(clock_ms, pause_ms);
    }

    fn cool(&mut self, clock_ms: u64, pause_ms: u64) {
        self.cool_until_ms = clock_ms.saturating_add(pause_ms.min(limits::COOL_DOWN_MS));
    }

    /// What a change costs, ms.
    pub(crate) fn cost_ms(&self) -> u64 {
        self.measured_cost_ms().unwrap_or(limits::COST_MS)
    }

    /// The same, if one was measured.
    pub(crate) fn measured_cost_ms(&self) -> Option<u64> {
        self.costs_ms.iter().copied().max()
    }

    /// Rest of the pause after the last one, ms.
    pub(crate) fn cool_down_ms(&self, clock_ms: u64) -> u64 {
        self.cool_until_ms.saturating_sub(clock_ms)
    }

    pub(crate) fn of_a_day(&self, clock_ms: u64) -> usize {
        let is_of_it = |begun: &&Begun| clock_ms.saturating_sub(begun.at_ms) < limits::DAY_MS;
        self.recent.iter().filter(is_of_it).count()
    }

    pub(crate) fn wide(&self) -> u32 {
        self.wide.min(limits::WIDENINGS)
    }

    fn is_reversal(&self, up: bool) -> bool {
        self.recent.back().is_some_and(|last| last.up != up)
    }

    /// Reversals within an hour, if one more change in that direction is flapping. Those from before
    /// the band was widened do not count again.
    pub(crate) fn flaps_with(&self, clock_ms: u64, up: bool) -> Option<u32> {
        if !self.is_reversal(up) {
            return None;
        }
        let begin = clock_ms.saturating_sub(limits::HOUR_MS);
        let counts = |begun: &&Begun| {
            begun.is_reversal
                && begun.at_ms >= begin
                && (self.wide == 0 || begun.at_ms > self.wide_since_ms)
        };
        let reversals = self.recent.iter().filter(counts).count() + 1;
        (reversals >= limits::REVERSALS).then_some(reversals as u32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Shape = Shape { workers: 3, parallelism: 6 };
    const HIGH: Shape = Shape { workers: 4, parallelism: 8 };

    #[test]
    fn the_pause_is_twice_the_largest_of_the_last_costs() {
        let mut changes = Changes::default();
        changes.begin(0, LOW, HIGH);
        changes.done(8_000, 60_000);
        assert_eq!(changes.cool_down_ms(8_000), 16_000);
        changes.begin(30_000, HIGH, LOW);
        changes.done(31_000, 60_000);
        assert_eq!(changes.cool_down_ms(31_000), 16_000);
    }

    #[test]
    fn failures_in_a_row_are_tried_ever_later_up_to_an_hour() {
        let mut changes = Changes::default();
        let mut pauses = vec![];
        for round in 0..8u64 {
            let clock_ms = round * 10_000_000;
            changes.begin(clock_ms, LOW, HIGH);
            changes.failed(clock_ms + 60_000);
            pauses.push(changes.cool_down_ms(clock_ms + 60_000) / 1_000);
        }
        assert_eq!(pauses, [120, 240, 480, 960, 1_920, 3_600, 3_600, 3_600]);
    }

    #[test]
    fn the_third_reversal_within_an_hour_widens_the_band_which_narrows_hours_later() {
        let mut changes = Changes::default();
        for minute in 0..4u64 {
            let (from, to) = if minute % 2 == 0 { (LOW, HIGH) } else { (HIGH, LOW) };
            let expected = (minute == 3).then_some(3);
            assert_eq!(changes.flaps_with(minute * 60_000, to == HIGH), expected);
            changes.begin(minute * 60_000, from, to);
            changes.done(minute * 60_000 + 3_000, 60_000);
        }
        assert_eq!(changes.wide(), 1);
        assert_eq!(changes.flaps_with(240_000, true), None, "those before do not count again");
        changes.pass(180_000 + limits::NARROW_MS);
        assert_eq!(changes.wide(), 0);
    }
}
