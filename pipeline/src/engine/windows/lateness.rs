//! How an engine counts late records within the allowed lateness, and closes the panes they open.

use seismic_proto::ClosedBy;
use seismic_queue::Offset;

use crate::engine::windows::engine::Engine;
use crate::engine::windows::output::Output;
use crate::engine::windows::reject_reason::RejectReason;
use crate::engine::windows::window::{Sample, Window};

impl Engine {
    /// Counts a late record that is allowed.
    ///
    /// # Errors
    /// As [`Sensor::add_late`](crate::engine::windows::sensor::Sensor::add_late).
    pub(crate) fn count_late(&mut self, number: usize, sample: Sample) -> Result<(), RejectReason> {
        if self.sensors[number].add_late(sample, &self.rules)? {
            self.open_windows += 1;
            self.file_opened(number);
        }
        Ok(())
    }

    /// Closes what one of a sensor's clocks has passed of what is open for late records.
    pub(crate) fn close_late_passed(&mut self, number: usize, at: Offset, out: &mut Output) {
        if self.sensors[number].late().is_none() {
            return;
        }
        let closing = (ClosedBy::Time, at);
        while let Some(window) =
            self.sensors[number].with_late(&self.rules, |late, clock_ms| late.take_due(clock_ms))
        {
            self.emit_late(number, &window, closing, out);
        }
        for level in 0..self.rules.rollups_ms.len() {
            let span = self.sensors[number]
                .with_late(&self.rules, |late, clock_ms| late.take_due_span(level, clock_ms));
            if let Some(span) = span {
                self.emit_rollup(number, level, (&span, true), closing, out);
            }
        }
    }

    /// Closes everything that a sensor has open for late records.
    pub(crate) fn close_late_all(
        &mut self,
        number: usize,
        closing: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        if self.sensors[number].late().is_none() {
            return;
        }
        while let Some(window) =
            self.sensors[number].with_late(&self.rules, |late, _| late.take_oldest())
        {
            self.emit_late(number, &window, closing, out);
        }
        for level in 0..self.rules.rollups_ms.len() {
            let span = self.sensors[number]
                .with_late(&self.rules, |late, _| late.take_due_span(level, i64::MAX));
            if let Some(span) = span {
                self.emit_rollup(number, level, (&span, true), closing, out);
            }
        }
    }

    fn emit_late(
        &mut self,
        number: usize,
        window: &Window,
        closing: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        let pane = self.sensors[number].next_pane();
        self.emit_window(number, (window, pane), closing, out);
        for level in 0..self.rules.rollups_ms.len() {
            self.counters.rollups[level].open += window.count();
            let rules = &self.rules;
            let over = self.sensors[number].with_late(rules, |late, clock_ms| {
                Some(late.roll_up(level, window, clock_ms, rules))
            });
            for span in over.into_iter().flatten().flatten() {
                self.emit_rollup(number, level, (&span, true), closing, out);
            }
        }
    }
}
