//! The engine's part in roll-ups: each closed window goes into every level, and what that closes
//! becomes a row. What a roll-up is, `rollup.rs` says.

use seismic_proto::ClosedBy;
use seismic_queue::Offset;

use crate::engine::output::Closing;
use crate::engine::output::Output;
use crate::engine::rollup::Rollup;
use crate::engine::window::Window;
use crate::engine::windows::Engine;

impl Engine {
    /// Adds a window that was just closed to every level. A roll-up that this closes is closed by
    /// what closed the window.
    pub(crate) fn roll_up(
        &mut self,
        place: usize,
        window: &Window,
        closed_by: ClosedBy,
        at: Offset,
        out: &mut Output,
    ) {
        for level in 0..self.rules.rollups_ms.len() {
            let rollups = self.sensors[place].rollups_mut(&self.rules);
            let over = rollups.add(level, window, &self.rules);
            self.counters.rollups[level].open += window.count();
            for rollup in over.into_iter().flatten() {
                self.emit_rollup(place, level, &rollup, (closed_by, at), out);
            }
        }
    }

    /// Closes the open roll-ups of a sensor that end at or before `until_ms`.
    pub(crate) fn close_rollups(
        &mut self,
        place: usize,
        until_ms: i64,
        closed_by: ClosedBy,
        out: &mut Output,
    ) {
        if self.sensors[place].rollups().is_none() {
            return;
        }
        for level in 0..self.rules.rollups_ms.len() {
            let rollups = self.sensors[place].rollups_mut(&self.rules);
            if let Some(rollup) = rollups.close(level, until_ms, &self.rules) {
                self.emit_rollup(place, level, &rollup, (closed_by, self.position), out);
            }
        }
    }

    fn emit_rollup(
        &mut self,
        place: usize,
        level: usize,
        rollup: &Rollup,
        closing: (ClosedBy, Offset),
        out: &mut Output,
    ) {
        let sensor = &self.sensors[place];
        let (interval, input, (closed_by, offset)) = (sensor.interval(), &self.input, closing);
        let sensor = self.sensor_index.id(place);
        let closing = Closing { sensor, interval, closed_by, input, offset };
        let row = rollup.row(self.rules.rollups_ms[level]).expect("only open roll-ups are closed");
        out.row(Some(level), &row, &closing);
        let counters = &mut self.counters.rollups[level];
        counters.rows += 1;
        counters.open -= row.count();
        counters.closed += row.count();
    }
}
