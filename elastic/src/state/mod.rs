//! What is remembered between decisions: bounded, and stored by whoever decides, so that the next
//! process goes on where this one was killed, also in the middle of a change.

mod capacity;
mod changes;

use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::decision::Decision;
use crate::evidence::{Evidence, Point};
use crate::settings::Settings;
use crate::shape::Shape;

use capacity::Capacities;
use changes::Changes;

/// The memory of [`crate::decide`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Runs only while somebody decides, and never back: time that nobody saw does not count.
    pub(crate) clock_ms: u64,
    pub(crate) last_now_ms: Option<i64>,
    pub(crate) last_sample_ms: Option<i64>,
    /// What should run.
    pub(crate) shape: Option<Shape>,
    /// What runs instead, and for how many samples in a row.
    pub(crate) other: Option<(Shape, u32)>,
    pub(crate) evidence: Evidence,
    pub(crate) capacities: Capacities,
    pub(crate) changes: Changes,
    /// Since when nothing at all is read.
    pub(crate) silent_since_ms: Option<u64>,
    /// Since when there are no usable metrics.
    pub(crate) blind_since_ms: Option<u64>,
    /// Alerts that are raised, by name.
    raised: Vec<String>,
}

impl State {
    /// A change is begun: store this state, then act. It is done when samples show it.
    pub fn begin(&mut self, decision: &Decision) {
        if decision.is_change() {
            self.changes.begin(self.clock_ms, decision.from, decision.to);
            self.evidence.clear();
        }
    }

    /// What the change under way has cost, ms, if whoever acted measured it. Without samples that show
    /// the change it means nothing.
    pub fn acted(&mut self, cost_ms: u64) {
        if let Some(pending) = &mut self.changes.pending {
            pending.cost_ms = Some(cost_ms);
        }
    }

    /// What should run, once a sample was seen.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        self.changes.pending.map(|pending| pending.to).or(self.shape)
    }

    /// The samples that count as evidence now, oldest first.
    pub fn points(&self) -> impl ExactSizeIterator<Item = &Point> {
        self.evidence.points()
    }

    /// What a change costs, ms: the largest of the last measured ones.
    #[must_use]
    pub fn cost_ms(&self) -> u64 {
        self.changes.cost_ms()
    }

    /// What a change costs, as far as one was measured, ms.
    #[must_use]
    pub fn measured_cost_ms(&self) -> Option<u64> {
        self.changes.measured_cost_ms()
    }

    /// Rest of the pause after the last change, ms.
    #[must_use]
    pub fn cool_down_ms(&self) -> u64 {
        self.changes.cool_down_ms(self.clock_ms)
    }

    /// Changes within the last day.
    #[must_use]
    pub fn changes_of_a_day(&self) -> usize {
        self.changes.of_a_day(self.clock_ms)
    }

    /// How often the band was widened because of flapping.
    #[must_use]
    pub fn widenings(&self) -> u32 {
        self.changes.wide()
    }

    /// Time passes until the next decision. A step beyond a gap is no time that was watched, and one
    /// back is none at all.
    pub(crate) fn pass(&mut self, now_ms: i64, settings: &Settings) {
        if let Some(last) = self.last_now_ms {
            let passed = now_ms.saturating_sub(last).clamp(0, settings.stale_ms());
            self.clock_ms = self.clock_ms.saturating_add(passed.unsigned_abs());
        }
        self.last_now_ms = Some(now_ms);
        self.changes.pass(self.clock_ms);
    }

    /// Raises an alert, unless it is raised already.
    pub(crate) fn raise(&mut self, alert: Alert, alerts: &mut Vec<Alert>) {
        if !self.raised.iter().any(|name| name == alert.name()) {
            self.raised.push(alert.name().to_owned());
            alerts.push(alert);
        }
    }

    /// It is over.
    pub(crate) fn lower(&mut self, name: &str) {
        self.raised.retain(|raised| raised != name);
    }
}
