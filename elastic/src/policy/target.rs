//! A share of the capacity. What arrives is what is read and what the lag grows by, so that a job that
//! catches up, and is busy all the time for that, is not taken for one that is too small. Up at once as
//! far as is needed; down one step, and only when what arrives would fit with room to spare.

use serde::Serialize;

use super::{View, Wish, time_fault};
use crate::decision::Cause;
use crate::evidence::Window;
use crate::limits;
use crate::shape::Shape;

/// Its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Target {
    /// Share of the capacity that arrivals should need.
    pub busy: f64,
    /// How far they may be from it.
    pub band: f64,
    /// Longest time for a lag to go, s.
    pub catch_up_s: u32,
    /// Seconds of evidence for going up; three times as many for going down.
    pub for_s: u32,
}

impl Default for Target {
    fn default() -> Self {
        Target { busy: 0.6, band: 0.2, catch_up_s: 600, for_s: 30 }
    }
}

impl Target {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::from_iter(time_fault(self.for_s));
        let Target { busy, band, catch_up_s, .. } = *self;
        let (low, high) = (busy - band, busy + band);
        if !(band > 0.0 && low > 0.0 && high < 1.0) {
            faults.push(format!("target {busy} ± {band} is not within 0 and 1"));
        }
        if !(1..=86_400).contains(&catch_up_s) {
            faults.push(format!("catch_up {catch_up_s} s is not between 1 and 86400"));
        }
        faults
    }

    /// Lower and upper edge of the band.
    fn edges(&self, wide: u32) -> (f64, f64) {
        let band = self.band * (1.0 + 0.25 * f64::from(wide));
        let middle_of = |edge: f64, end: f64| (edge + end) / 2.0;
        let low = (self.busy - band).max(middle_of(self.busy - self.band, 0.0));
        (low, (self.busy + band).min(middle_of(self.busy + self.band, 1.0)))
    }

    pub(super) fn wish(&self, view: &View<'_>) -> Wish {
        let Some(window) = view.evidence.window(self.for_s) else {
            return Wish::Wait { need_s: self.for_s };
        };
        let (low, high) = self.edges(view.wide);
        let demand = Demand::of(&window, view);
        if window.lag_grows() && window.lag_s() > limits::SHORT_LAG_S && window.busy < high {
            return Wish::NotTheWorkers { growth: window.growth, busy: window.busy };
        }
        let lasting = view.evidence.least_arrivals(self.for_s).unwrap_or(0.0) / demand.capacity;
        let causes = self.causes_up(&window, &demand, lasting, high);
        if !causes.is_empty() {
            return self.wish_up(view, &window, &demand, causes);
        }
        if demand.share >= low || window.lag_s() > limits::SHORT_LAG_S {
            return Wish::Nothing;
        }
        self.wish_down(view, low, high)
    }

    /// Catch-up time and growth of the lag first, then the share that arrivals need.
    fn causes_up(&self, window: &Window, demand: &Demand, lasting: f64, high: f64) -> Vec<Cause> {
        let mut causes = vec![];
        if window.lag_s() > limits::SHORT_LAG_S && window.busy >= high {
            let limit_s = self.catch_up_s;
            let Window { growth, lag, .. } = *window;
            if window.lag_grows() {
                causes.push(Cause::LagGrows { growth, lag });
            } else if demand.catch_up_s.is_none_or(|s| s > f64::from(limit_s)) {
                causes.push(Cause::CatchUp { seconds: demand.catch_up_s, limit_s });
            }
        }
        if lasting > high {
            let for_s = self.for_s;
            causes.push(Cause::DemandAbove { share: lasting, limit: high, for_s });
        }
        causes
    }

    fn wish_up(
        &self,
        view: &View<'_>,
        window: &Window,
        demand: &Demand,
        causes: Vec<Cause>,
    ) -> Wish {
        // The last samples say how far, where the load rose within the window.
        let recent = view.evidence.window(0).map_or(0.0, |recent| recent.arrivals());
        let arrivals = window.arrivals().max(recent);
        let mut rate = arrivals / self.busy;
        if window.lag_s() > limits::SHORT_LAG_S {
            rate = rate.max(arrivals + window.lag / f64::from(self.catch_up_s));
        }
        // Saturates, also for no number.
        let needed = (rate / demand.per_slot).ceil() as u32;
        let needed = needed.max(view.shape.parallelism.saturating_add(1));
        let shape = match view.limits.workers_min == view.limits.workers_max {
            true => Shape { parallelism: needed, ..view.shape },
            // A worker that is there anyway uses all of its slots.
            false => {
                let slots = view.limits.slots.max(1);
                let full = needed.div_ceil(slots).saturating_mul(slots);
                let upper = view.limits.parallelism_upper(view.partitions);
                let workers = needed.min(upper).div_ceil(slots).max(view.shape.workers);
                Shape { workers, parallelism: full }
            }
        };
        Wish::Shape { shape, up: true, causes }
    }

    fn wish_down(&self, view: &View<'_>, low: f64, high: f64) -> Wish {
        let need_s = self.for_s * limits::DOWN_TIMES * (1 + view.wide);
        let Some(window) = view.evidence.window(need_s) else {
            return Wish::Wait { need_s };
        };
        let demand = Demand::of(&window, view);
        if demand.share >= low {
            return Wish::Nothing;
        }
        let Shape { workers, parallelism } = view.shape;
        let limits = view.limits;
        let shape = if limits.workers_min == limits.workers_max {
            Shape { workers, parallelism: parallelism.saturating_sub(1) }
        } else {
            let fewer = workers.saturating_sub(1);
            let room = fewer.saturating_mul(limits.slots);
            // Slots of a worker that stays cost nothing: they go only with a worker.
            let goes = fewer >= view.workers_least && room >= limits.parallelism_min;
            Shape {
                workers: fewer,
                parallelism: if goes { parallelism.min(room) } else { parallelism },
            }
        };
        let ratio = f64::from(parallelism) / f64::from(shape.parallelism.max(1));
        let after = demand.share * ratio;
        let highest = window.throughput_max / demand.per_slot / f64::from(shape.parallelism.max(1));
        if after > self.busy || highest > high {
            return Wish::Nothing;
        }
        let share = demand.share;
        let causes = vec![Cause::DemandBelow { share, limit: low, after, for_s: need_s }];
        Wish::Shape { shape, up: false, causes }
    }
}

/// What arrivals need of what runs.
struct Demand {
    /// Share of the capacity.
    share: f64,
    /// Records/s of all slots; never 0.
    capacity: f64,
    /// Records/s of a slot; never 0.
    per_slot: f64,
    /// Time until the lag is gone, s.
    catch_up_s: Option<f64>,
}

impl Demand {
    fn of(window: &Window, view: &View<'_>) -> Demand {
        let slots = f64::from(view.shape.parallelism.max(1));
        // Before it was learned, the busy share says it: then hardly anything is read.
        let guess = || window.throughput / window.busy.max(0.01);
        let capacity = view.capacity.unwrap_or_else(guess).max(1e-9);
        let spare = capacity - window.arrivals();
        Demand {
            share: window.arrivals() / capacity,
            capacity,
            per_slot: capacity / slots,
            catch_up_s: (spare > 0.0).then(|| window.lag / spare),
        }
    }
}
