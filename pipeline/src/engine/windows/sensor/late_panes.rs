//! Late records that still count: windows beside the open ones of a sensor, each for another row of
//! a closed window.
//!
//! They have a second clock: the newest of their event times while one of them is open. Such a
//! window closes when this clock passes its end by the lateness, as an open window does by the
//! first clock. It also closes when the first clock has advanced by a window and the lateness since
//! it was opened, so that a single late record need not wait for others. A window that is opened
//! behind the second clock waits until that clock advances by as much.

use seismic_proto::state;

use crate::engine::windows::reject_counts::{PendingRejects, RejectCounts};
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::rollup::Rollup;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::window::{Sample, Window};
use crate::limits;

/// What is open for late records.
#[derive(Debug)]
pub struct LatePanes {
    /// Newest event time of late records since one of these was opened first.
    clock_ms: i64,
    /// Rising by start.
    windows: Vec<LateWindow>,
    /// By level, as far as one was opened.
    spans: Vec<Option<LateSpan>>,
    /// What was rejected last of a window that no late record has opened yet.
    pending: Option<PendingRejects>,
}

#[derive(Debug)]
struct LateWindow {
    window: Window,
    /// What the second clock must reach for it to close.
    second_due_ms: i64,
    /// What the sensor's clock must reach.
    due_ms: i64,
}

/// A span of a roll-up with windows that were closed here.
#[derive(Debug)]
struct LateSpan {
    span: Rollup,
    /// Start of its newest window.
    newest_ms: i64,
    /// What the sensor's clock must reach for it to close.
    due_ms: i64,
}

impl Default for LatePanes {
    fn default() -> Self {
        LatePanes { clock_ms: i64::MIN, windows: Vec::new(), spans: Vec::new(), pending: None }
    }
}

impl LatePanes {
    /// Counts a late record, by a sensor's clock of `clock_ms`; whether it opened a window.
    ///
    /// # Errors
    /// [`RejectReason::Duplicate`] when the job dedupes and the record repeats one of an open
    /// window.
    pub fn add(
        &mut self,
        sample: Sample,
        clock_ms: i64,
        rules: &Rules,
    ) -> Result<bool, RejectReason> {
        let start_ms = rules.window_start(sample.time_ms);
        let place = self.windows.partition_point(|late| late.window.start_ms < start_ms);
        let is_new = match self.windows.get_mut(place) {
            Some(late) if late.window.start_ms == start_ms => {
                if !late.window.add(sample) {
                    return Err(RejectReason::Duplicate);
                }
                false
            }
            _ => {
                if self.windows.is_empty() {
                    self.clock_ms = i64::MIN;
                }
                let mut window = Window::first(start_ms, sample, rules);
                if let Some(of_it) = self.pending.take_if(|pending| pending.start_ms == start_ms) {
                    window.add_rejects(&of_it.counts);
                }
                let from_ms = self.clock_ms.max(start_ms);
                let wait_ms = rules.window_ms + rules.lateness_ms;
                let second_due_ms = from_ms.saturating_add(wait_ms);
                let due_ms = clock_ms.saturating_add(wait_ms);
                self.windows.insert(place, LateWindow { window, second_due_ms, due_ms });
                true
            }
        };
        self.clock_ms = self.clock_ms.max(sample.time_ms);
        Ok(is_new)
    }

    /// Counts records of a closed window that were rejected: beside the window that is open for
    /// late records, or beside the next one of this start, if that is the next to open of which
    /// some were rejected.
    pub fn count_rejects(&mut self, start_ms: i64, counts: &RejectCounts) {
        let place = self.windows.partition_point(|late| late.window.start_ms < start_ms);
        match self.windows.get_mut(place) {
            Some(late) if late.window.start_ms == start_ms => late.window.add_rejects(counts),
            _ => match &mut self.pending {
                Some(pending) if pending.start_ms == start_ms => pending.counts.add(counts),
                // Backfill begins again further back, so of two windows the later to be heard of
                // counts.
                pending => *pending = Some(PendingRejects { start_ms, counts: *counts }),
            },
        }
    }

    /// Forgets what was rejected of windows that are not open, since another era begins.
    pub fn forget_pending(&mut self) {
        self.pending = None;
    }

    /// Takes the oldest window that one of the clocks has passed, or that is one too many.
    pub fn take_due(&mut self, clock_ms: i64) -> Option<Window> {
        let is_full = self.windows.len() > limits::LATE_WINDOWS;
        let second_ms = self.clock_ms;
        let is_due = |late: &LateWindow| {
            is_full || late.second_due_ms <= second_ms || late.due_ms <= clock_ms
        };
        let place = self.windows.iter().position(is_due)?;
        Some(self.windows.remove(place).window)
    }

    /// Takes the oldest window.
    pub fn take_oldest(&mut self) -> Option<Window> {
        (!self.windows.is_empty()).then(|| self.windows.remove(0).window)
    }

    /// Adds a closed window to the span of a level. Gives what that closed, in order: the span
    /// before, and the window's own if the window was its last.
    pub fn roll_up(
        &mut self,
        level: usize,
        window: &Window,
        clock_ms: i64,
        rules: &Rules,
    ) -> [Option<Rollup>; 2] {
        let length_ms = rules.rollups_ms[level];
        let start_ms = window.start_ms - window.start_ms.rem_euclid(length_ms);
        self.spans.resize_with(rules.rollups_ms.len(), || None);
        let place = &mut self.spans[level];
        // A window that is not behind those before it would be added in the wrong order.
        let goes_on =
            |late: &LateSpan| late.span.start_ms() == start_ms && late.newest_ms < window.start_ms;
        let before = place.take_if(|late| !goes_on(late)).map(|late| late.span);
        let late = place.get_or_insert_with(|| LateSpan {
            span: Rollup::begin(start_ms),
            newest_ms: i64::MIN,
            due_ms: clock_ms.saturating_add(length_ms + rules.lateness_ms),
        });
        late.span.add(window);
        late.newest_ms = window.start_ms;
        let is_last = window.start_ms + rules.window_ms == start_ms + length_ms;
        [before, place.take_if(|_| is_last).map(|late| late.span)]
    }

    /// Takes the open span of a level, if the sensor's clock has passed it.
    pub fn take_due_span(&mut self, level: usize, clock_ms: i64) -> Option<Rollup> {
        let place = self.spans.get_mut(level)?;
        place.take_if(|late| late.due_ms <= clock_ms).map(|late| late.span)
    }

    /// What the sensor's clock must reach for something here to close; `i64::MAX` when nothing is
    /// open.
    pub fn due_ms(&self) -> i64 {
        let windows = self.windows.iter().map(|late| late.due_ms);
        let spans = self.spans.iter().flatten().map(|late| late.due_ms);
        windows.chain(spans).min().unwrap_or(i64::MAX)
    }

    /// Whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.spans.iter().flatten().next().is_none()
    }

    /// Whether there is nothing to be kept.
    pub fn is_blank(&self) -> bool {
        self.is_empty() && self.pending.is_none()
    }

    /// The open windows.
    pub fn windows(&self) -> impl Iterator<Item = &Window> {
        self.windows.iter().map(|late| &late.window)
    }

    /// The open spans with their levels.
    pub fn spans(&self) -> impl Iterator<Item = (usize, &Rollup)> {
        let spans = self.spans.iter().enumerate();
        spans.filter_map(|(level, late)| Some((level, &late.as_ref()?.span)))
    }
}

impl LatePanes {
    /// From its stored form; `None` when no sensor can have it.
    pub fn restore(stored: Option<&state::LatePanes>, rules: &Rules) -> Option<Self> {
        let Some(stored) = stored else { return Some(LatePanes::default()) };
        let mut late = LatePanes { clock_ms: stored.clock_ms, ..LatePanes::default() };
        let known = rules.event_ms.0.saturating_sub(rules.window_ms)..rules.event_ms.1;
        for stored in &stored.windows {
            let window = Window::from(stored.window.as_ref()?);
            let start_ms = window.start_ms;
            let rises = late.windows.last().is_none_or(|last| last.window.start_ms < start_ms);
            let is_sound = known.contains(&start_ms)
                && start_ms.rem_euclid(rules.window_ms) == 0
                && window.is_sound(rules);
            (rises && is_sound).then_some(())?;
            let &state::LateWindow { second_due_ms, due_ms, .. } = stored;
            late.windows.push(LateWindow { window, second_due_ms, due_ms });
        }
        late.spans.resize_with(rules.rollups_ms.len(), || None);
        for stored in &stored.spans {
            let span = stored.span.as_ref()?;
            let length_ms = *rules.rollups_ms.get(span.level as usize)?;
            let place = late.spans.get_mut(span.level as usize)?;
            let span = Rollup::restore(span, length_ms, rules).filter(Rollup::is_open)?;
            let &state::LateSpan { newest_ms, due_ms, .. } = stored;
            let is_inside = newest_ms.checked_sub(span.start_ms())? < length_ms - rules.window_ms
                && newest_ms >= span.start_ms();
            let is_first = place.replace(LateSpan { span, newest_ms, due_ms }).is_none();
            (is_first && is_inside).then_some(())?;
        }
        late.pending = stored.pending.as_ref().map(PendingRejects::from);
        let is_pending_sound = late.pending.is_none_or(|pending| {
            let start_ms = pending.start_ms;
            rules.counts_late_rejects()
                && known.contains(&start_ms)
                && start_ms.rem_euclid(rules.window_ms) == 0
        });
        is_pending_sound.then_some(())?;
        let is_bounded = late.windows.len() <= limits::LATE_WINDOWS && rules.allows_late();
        is_bounded.then_some(late)
    }
}

impl From<&LatePanes> for state::LatePanes {
    fn from(late: &LatePanes) -> Self {
        let spans =
            (0..).zip(&late.spans).filter_map(|(level, span)| Some((level, span.as_ref()?)));
        state::LatePanes {
            // It begins again with the next window, so what it was before is nothing to be kept.
            clock_ms: if late.is_empty() { 0 } else { late.clock_ms },
            windows: late.windows.iter().map(state::LateWindow::from).collect(),
            pending: late.pending.as_ref().map(state::PendingRejects::from),
            spans: spans
                .map(|(level, late)| state::LateSpan {
                    span: Some(late.span.stored(level)),
                    newest_ms: late.newest_ms,
                    due_ms: late.due_ms,
                })
                .collect(),
        }
    }
}

impl From<&LateWindow> for state::LateWindow {
    fn from(late: &LateWindow) -> Self {
        let &LateWindow { ref window, second_due_ms, due_ms } = late;
        state::LateWindow { window: Some(window.into()), second_due_ms, due_ms }
    }
}
