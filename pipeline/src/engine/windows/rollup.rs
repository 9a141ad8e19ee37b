//! The roll-ups of one sensor: its closed windows merged into longer spans, one level for each
//! length in the rules. They are merged from sums and extremes, never from averages, in the order
//! in which windows close, so a roll-up is as exact and reproducible as its windows.
//!
//! Windows of a sensor close in order of their starts, so a level has at most one open span. The
//! window that reaches its end closes it, or the first window beyond; no clock is needed. A sensor
//! that falls silent leaves a span open; idleness closes it once the log itself is past its end,
//! and the end of a drained run closes all. If the sensor then continues in a span that was closed
//! early, its later windows emit another row, a *pane* with the next number, which does not repeat
//! the first one (discarding panes as in T. Akidau et al., *The Dataflow Model*, VLDB 2015): all
//! panes of a span add up. Only the span of the newest closed window can be continued, so one
//! number per level is enough.

use seismic_proto::state;

use crate::engine::windows::amplitude_stats::AmplitudeStats;
use crate::engine::windows::output::Row;
use crate::engine::windows::reject_counts::RejectCounts;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::window::Window;

/// One for each level; boxed, since most jobs have none.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollups {
    levels: Vec<Option<Rollup>>,
}

/// A span that may still get windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollup {
    start_ms: i64,
    /// Number of its next row.
    pane: u32,
    phases: [u64; 3],
    /// Records of its windows that were rejected.
    rejects: RejectCounts,
    /// `None`: it got no window since its last row.
    sums: Option<AmplitudeStats>,
}

impl Rollups {
    /// Nothing open yet.
    #[must_use]
    pub fn new(rules: &Rules) -> Self {
        Rollups { levels: vec![None; rules.rollups_ms.len()] }
    }

    /// Adds a closed window to a level. Gives what that closed, in order: the span before, and the
    /// window's own span if the window was its last.
    pub fn add(&mut self, level: usize, window: &Window, rules: &Rules) -> [Option<Rollup>; 2] {
        let length_ms = rules.rollups_ms[level];
        let start_ms = window.start_ms - window.start_ms.rem_euclid(length_ms);
        let span = &mut self.levels[level];
        let before = span.take_if(|open| open.start_ms != start_ms).filter(Rollup::is_open);
        span.get_or_insert_with(|| Rollup::begin(start_ms)).add(window);
        let is_last = window.start_ms + rules.window_ms == start_ms + length_ms;
        [before, span.take_if(|_| is_last)]
    }

    /// Closes the open span of a level, if its end lies at or before `until_ms`. What comes later
    /// in it makes a further row.
    pub fn close(&mut self, level: usize, until_ms: i64, rules: &Rules) -> Option<Rollup> {
        let span = self.levels[level].as_mut()?;
        let is_over = span.end_ms(rules.rollups_ms[level]) <= until_ms;
        if !is_over || !span.is_open() {
            return None;
        }
        let next = Rollup { pane: span.pane + 1, ..Rollup::begin(span.start_ms) };
        Some(std::mem::replace(span, next))
    }

    /// Open spans with their levels.
    pub fn open(&self) -> impl Iterator<Item = (usize, &Rollup)> {
        let spans = self.levels.iter().enumerate();
        spans.filter_map(|(level, span)| Some((level, span.as_ref().filter(|s| s.is_open())?)))
    }

    /// As stored.
    pub fn stored(&self) -> impl Iterator<Item = state::Rollup> {
        let spans = (0..).zip(&self.levels);
        spans.filter_map(|(level, span)| Some(span.as_ref()?.stored(level)))
    }

    /// From the stored form of a sensor that is closed until `closed_until_ms`; `None` when no
    /// sensor can have it.
    pub fn restore(stored: &state::Sensor, rules: &Rules) -> Option<Self> {
        let mut rollups = Rollups::new(rules);
        for span in &stored.rollups {
            let place = rollups.levels.get_mut(span.level as usize)?;
            let length_ms = rules.rollups_ms[span.level as usize];
            let restored = Rollup::restore(span, length_ms, rules)?;
            // It holds the newest closed window, and that is not its last one.
            let inside = (stored.closed_until_ms?).checked_sub(span.start_ms)?;
            if !(1..length_ms).contains(&inside) || place.replace(restored).is_some() {
                return None;
            }
        }
        Some(rollups)
    }
}

impl Rollup {
    /// A span without records.
    #[must_use]
    pub fn begin(start_ms: i64) -> Self {
        Rollup { start_ms, pane: 0, phases: [0; 3], rejects: RejectCounts::default(), sums: None }
    }

    /// Adds a closed window, which lies behind those before it.
    pub fn add(&mut self, window: &Window) {
        // Both lie within a day.
        let by_ms = (window.start_ms - self.start_ms) as u32;
        match &mut self.sums {
            Some(sums) => sums.merge(window.sums(), by_ms),
            None => self.sums = Some(window.sums().shifted(by_ms)),
        }
        self.rejects.add(&window.rejects());
        for (ours, more) in self.phases.iter_mut().zip(window.phases()) {
            *ours += more;
        }
    }

    /// Its start, ms since 1970 UTC.
    #[must_use]
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// Number of its next row, from 0: rows that it had since it was begun.
    #[must_use]
    pub fn pane(&self) -> u32 {
        self.pane
    }

    /// Its end, ms since 1970 UTC, with the length of its level.
    #[must_use]
    pub fn end_ms(&self, length_ms: i64) -> i64 {
        self.start_ms + length_ms
    }

    /// Whether it has records.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.sums.is_some()
    }

    /// Records in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.phases.iter().sum()
    }

    /// What a row with that number says of it; `None` when it has no records.
    #[must_use]
    pub fn row(&self, length_ms: i64, pane: u32) -> Option<Row<'_>> {
        let &Rollup { start_ms, phases, rejects, ref sums, .. } = self;
        Some(Row { start_ms, length_ms, pane, phases, rejects, sums: sums.as_ref()? })
    }

    /// As stored, of a level.
    #[must_use]
    pub fn stored(&self, level: u32) -> state::Rollup {
        let [p, s, n] = self.phases;
        let (start_ms, pane) = (self.start_ms, self.pane);
        let sums = self.sums.as_ref().map(state::Sums::from);
        let RejectCounts { rejected, clipped, repeated } = self.rejects;
        state::Rollup { level, start_ms, pane, sums, p, s, n, rejected, clipped, repeats: repeated }
    }

    /// From its stored form; `None` when it cannot be.
    #[must_use]
    pub fn restore(stored: &state::Rollup, length_ms: i64, rules: &Rules) -> Option<Self> {
        let &state::Rollup { start_ms, pane, ref sums, p, s, n, .. } = stored;
        let &state::Rollup { rejected, clipped, repeats: repeated, .. } = stored;
        let rejects = RejectCounts { rejected, clipped, repeated };
        let sums = sums.as_ref().map(AmplitudeStats::from);
        let is_counted = p.checked_add(s)?.checked_add(n)? > 0;
        let is_sound = sums.as_ref().is_none_or(|s| s.is_sound(&rules.amplitude, length_ms))
            && start_ms.rem_euclid(length_ms) == 0
            && (rules.event_ms.0.saturating_sub(length_ms)..rules.event_ms.1).contains(&start_ms)
            && is_counted == sums.is_some()
            && (rejects.is_empty() || rules.counts_rejects() && is_counted)
            // One that is empty had a row, and no span has more rows than ms.
            && (is_counted || pane > 0)
            && i64::from(pane) <= length_ms;
        is_sound.then_some(Rollup { start_ms, pane, phases: [p, s, n], rejects, sums })
    }
}
