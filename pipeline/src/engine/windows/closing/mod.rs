//! How an engine closes windows and roll-ups: by a sensor's own clock, because the sensor is
//! silent, or because the run is drained. All rows are emitted here.

use seismic_proto::ClosedBy;
use seismic_queue::Offset;

use crate::engine::windows::engine::Engine;
use crate::engine::windows::output::{Closing, Output};
use crate::engine::windows::rollup::{Rollup, Rollups};
use crate::engine::windows::sensor::idle_sensors::Filing;
use crate::engine::windows::window::Window;

impl Engine {
    /// Closes the windows of a sensor that its clock has passed by the lateness.
    pub(crate) fn close_due(&mut self, number: usize, time_ms: i64, at: Offset, out: &mut Output) {
        if self.sensors[number].has_held() || self.sensors[number].late().is_some() {
            return self.close_and_settle(number, time_ms, at, out);
        }
        while self.sensors[number].is_due() {
            self.close_one(number, ClosedBy::Time, at, out);
        }
    }

    /// The same of a sensor that may hold records, or have something open for late ones.
    pub(crate) fn close_passed(&mut self, number: usize, at: Offset, out: &mut Output) {
        while self.sensors[number].is_oldest_over(&self.rules) {
            self.close_one(number, ClosedBy::Time, at, out);
        }
        self.close_late_passed(number, at, out);
    }

    pub(crate) fn close_all(&mut self, number: usize, closed_by: ClosedBy, out: &mut Output) {
        while self.sensors[number].is_open() {
            self.close_one(number, closed_by, self.position, out);
        }
    }

    pub(crate) fn close_one(
        &mut self,
        number: usize,
        closed_by: ClosedBy,
        at: Offset,
        out: &mut Output,
    ) {
        let sensor = &mut self.sensors[number];
        let Some(window) = sensor.close_oldest(&self.rules, &mut self.spares) else {
            return;
        };
        let pane = sensor.window_pane(window.start_ms);
        self.emit_window(number, (&window, pane), (closed_by, at), out);
        if !self.rules.rollups_ms.is_empty() {
            self.roll_up(number, &window, closed_by, at, out);
        }
    }

    /// Writes the row of a window that was closed.
    #[inline]
    pub(crate) fn emit_window(
        &mut self,
        number: usize,
        (window, pane): (&Window, u32),
        (closed_by, offset): (ClosedBy, Offset),
        out: &mut Output,
    ) {
        self.open_windows -= 1;
        self.counters.open -= window.count();
        self.counters.closed += window.count();
        self.counters.windows += 1;
        let sensor = &self.sensors[number];
        let (interval, input, era) = (sensor.interval(), &self.input, sensor.era());
        let sensor = self.sensor_index.id(number);
        let closing = Closing { sensor, interval, closed_by, input, offset, era };
        out.row(None, &window.row(self.rules.window_ms, pane), &closing);
    }

    /// Closes every window and every roll-up, and gives up what is held: the run is drained. `true`
    /// when there was something.
    pub fn end(&mut self, out: &mut Output) -> bool {
        let before = self.outputs();
        for number in 0..self.sensors.len() {
            self.spend_held(number, ClosedBy::End, out);
            self.close_all(number, ClosedBy::End, out);
            self.close_late_all(number, (ClosedBy::End, self.position), out);
            self.close_rollups(number, i64::MAX, (ClosedBy::End, self.position), out);
        }
        self.outputs() > before
    }

    /// Rows and dead letters emitted.
    fn outputs(&self) -> u64 {
        self.counters.rows() + self.counters.late() + self.counters.rejected()
    }

    /// Adds a window that was just closed to every level. A roll-up that this closes is closed by
    /// what closed the window.
    pub(crate) fn roll_up(
        &mut self,
        number: usize,
        window: &Window,
        closed_by: ClosedBy,
        at: Offset,
        out: &mut Output,
    ) {
        for level in 0..self.rules.rollups_ms.len() {
            let rollups = self.sensors[number].rollups_mut(&self.rules);
            let over = rollups.add(level, window, &self.rules);
            self.counters.rollups[level].open += window.count();
            for rollup in over.into_iter().flatten() {
                self.emit_rollup(number, level, (&rollup, false), (closed_by, at), out);
            }
        }
    }

    /// Closes the open roll-ups of a sensor that end at or before `until_ms`.
    pub(crate) fn close_rollups(
        &mut self,
        number: usize,
        until_ms: i64,
        closing: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        if self.sensors[number].rollups().is_none() {
            return;
        }
        for level in 0..self.rules.rollups_ms.len() {
            let rollups = self.sensors[number].rollups_mut(&self.rules);
            if let Some(rollup) = rollups.close(level, until_ms, &self.rules) {
                self.emit_rollup(number, level, (&rollup, false), closing, out);
            }
        }
    }

    /// Writes the row of a span that was closed: of windows, or of late records.
    pub(crate) fn emit_rollup(
        &mut self,
        number: usize,
        level: usize,
        (rollup, is_late): (&Rollup, bool),
        closing: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        let sensor = &mut self.sensors[number];
        let pane = match is_late {
            true => sensor.next_pane(),
            false => sensor.span_pane(rollup.start_ms(), rollup.pane(), &self.rules),
        };
        let era = sensor.era();
        let (interval, input, (closed_by, offset)) = (sensor.interval(), &self.input, closing);
        let sensor = self.sensor_index.id(number);
        let closing = Closing { sensor, interval, closed_by, input, offset, era };
        let row = rollup.row(self.rules.rollups_ms[level], pane);
        let row = row.expect("only open roll-ups are closed");
        out.row(Some(level), &row, &closing);
        let counters = &mut self.counters.rollups[level];
        counters.rows += 1;
        counters.open -= row.count();
        counters.closed += row.count();
    }

    /// Files a sensor that has just opened a window.
    #[inline]
    pub(crate) fn file_opened(&mut self, number: usize) {
        if self.sensors[number].filed != Filing::InCohort {
            self.file(number as u32);
        }
    }

    pub(crate) fn file(&mut self, number: u32) {
        let sensor = &mut self.sensors[number as usize];
        sensor.filed = Filing::InCohort;
        self.idle_sensors.file(number, sensor.last_offset());
    }

    /// Closes every window of the sensors whose last record lies below `below`, gives up what they
    /// hold, and closes those of their roll-ups that the log's own time has passed by the lateness.
    /// `true` when there was something; then, and only then, the caller writes it into the journal.
    ///
    /// # Panics
    /// When `below` is beyond [`Engine::position`]: no one can know that yet.
    pub fn close_idle(&mut self, below: Offset, out: &mut Output) -> bool {
        assert!(below <= self.position, "only what was read can be idle");
        let before = self.outputs();
        let until_ms = self.append_ms.saturating_sub(self.rules.lateness_ms);
        let mut silent = Vec::new();
        for cohort in self.idle_sensors.take_cohorts(below, self.position) {
            silent.extend(cohort.into_iter().filter(|&number| self.is_to_close(number, below)));
        }
        // Who was filed again is not to be looked at twice, nor who was set aside again since.
        for number in self.idle_sensors.wake(until_ms) {
            if self.sensors[number as usize].filed == Filing::Aside
                && self.is_to_close(number, below)
            {
                silent.push(number);
            }
        }
        // Output follows the order in which sensors were first seen.
        silent.sort_unstable();
        for number in silent {
            self.spend_held(number as usize, ClosedBy::Idle, out);
            self.close_all(number as usize, ClosedBy::Idle, out);
            let closing = (ClosedBy::Idle, self.position);
            self.close_late_all(number as usize, closing, out);
            self.close_rollups(number as usize, until_ms, closing, out);
            self.set_aside(number);
        }
        self.idle_sensors.drop_doubles(self.sensors.len());
        self.outputs() > before
    }

    /// Whether it has to be closed; if not, it is filed where it belongs.
    #[inline(always)]
    fn is_to_close(&mut self, number: u32, below: Offset) -> bool {
        if !self.sensors[number as usize].is_silent(below) {
            self.file(number);
            return false;
        }
        self.has_something_open(number)
    }

    /// Whether a silent sensor has something open; it is filed nowhere any more.
    #[inline(never)]
    fn has_something_open(&mut self, number: u32) -> bool {
        let sensor = &mut self.sensors[number as usize];
        sensor.filed = Filing::No;
        sensor.is_open()
            || sensor.held().next().is_some()
            || sensor.late().is_some()
            || sensor.rollups().is_some_and(|rollups| rollups.open().next().is_some())
    }

    /// Sets a silent sensor aside until the first of its open roll-ups ends, if it has one.
    fn set_aside(&mut self, number: u32) {
        let sensor = &mut self.sensors[number as usize];
        let open = sensor.rollups().into_iter().flat_map(Rollups::open);
        let ends = open.map(|(level, span)| span.end_ms(self.rules.rollups_ms[level]));
        if let Some(end_ms) = ends.min() {
            sensor.filed = Filing::Aside;
            self.idle_sensors.set_aside(number, end_ms);
        }
    }
}

#[cfg(test)]
mod tests;
