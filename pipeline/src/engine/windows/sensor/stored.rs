//! The stored form of a sensor in a snapshot.

use std::collections::VecDeque;

use seismic_proto::state;
use seismic_queue::Offset;

use crate::engine::windows::rollup::Rollups;
use crate::engine::windows::rules::Rules;
use crate::engine::windows::sensor::idle_sensors::Filing;
use crate::engine::windows::sensor::irregular::Irregular;
use crate::engine::windows::sensor::sampling_interval::SamplingInterval;
use crate::engine::windows::sensor::{Sensor, due_ms};
use crate::engine::windows::window::Window;

impl Sensor {
    /// What a snapshot says of it.
    #[must_use]
    pub fn stored(&self, id: &str) -> state::Sensor {
        state::Sensor {
            id: id.to_owned(),
            clock_ms: self.clock_ms,
            closed_until_ms: (self.closed_until_ms > i64::MIN).then_some(self.closed_until_ms),
            last_offset: self.last_offset.0,
            windows: self.windows().map(state::Window::from).collect(),
            interval_us: self.interval.us(),
            rollups: self.rollups().into_iter().flat_map(Rollups::stored).collect(),
            pending: self.pending.as_deref().map(state::PendingRejects::from),
            irregular: self.irregular.as_deref().map(|it| Box::new(it.into())),
        }
    }

    /// The sensor of a snapshot taken at `position`; `None` when it contradicts itself.
    #[must_use]
    pub fn restore(stored: &state::Sensor, position: u64, rules: &Rules) -> Option<Sensor> {
        let starts: Vec<i64> = stored.windows.iter().map(|window| window.start_ms).collect();
        let known = rules.event_ms.0.saturating_sub(rules.window_ms)..rules.event_ms.1;
        let aligned = |start: &i64| known.contains(start) && start.rem_euclid(rules.window_ms) == 0;
        let is_open = |start: &i64| {
            let end_ms = start.saturating_add(rules.window_ms);
            stored.closed_until_ms.is_none_or(|closed| closed < end_ms)
        };
        let mut windows: VecDeque<Window> = stored.windows.iter().map(Window::from).collect();
        let is_sound = !stored.id.is_empty()
            && (stored.last_offset < position || windows.is_empty())
            && starts.is_sorted_by(|a, b| a < b)
            && starts.iter().all(aligned)
            && starts.iter().all(is_open)
            && windows.iter().all(|window| window.is_sound(rules))
            && stored
                .pending
                .as_ref()
                .is_none_or(|pending| rules.counts_rejects() && aligned(&pending.start_ms));
        let rollups = Rollups::restore(stored, rules)?;
        let irregular = match &stored.irregular {
            Some(stored) => Some(Box::new(Irregular::restore(stored, position, rules)?)),
            None => None,
        };
        is_sound.then_some(())?;
        let mut sensor = Sensor {
            clock_ms: stored.clock_ms,
            due_ms: starts.first().map_or(i64::MAX, |&start_ms| due_ms(start_ms, rules)),
            closed_until_ms: stored.closed_until_ms.unwrap_or(i64::MIN),
            last_offset: Offset(stored.last_offset),
            interval: SamplingInterval::stored(stored.interval_us)?,
            filed: Filing::No,
            newest: windows.pop_back(),
            older: (!windows.is_empty()).then(|| Box::new(windows)),
            rollups: (!stored.rollups.is_empty()).then(|| Box::new(rollups)),
            pending: stored.pending.as_ref().map(|pending| Box::new(pending.into())),
            irregular,
        };
        sensor.set_due(rules);
        Some(sensor)
    }
}
