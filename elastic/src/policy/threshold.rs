//! The policy of the guide: fixed thresholds, each of which must hold in every sample of some time. Two
//! things are added, since numbers may not fit a job: it also goes up when the lag grows while slots are
//! busy, and it does not go down to slots that would be busy then.

use serde::Serialize;

use super::{View, Wish, time_fault};
use crate::decision::Cause;
use crate::evidence::Window;
use crate::limits;
use crate::shape::Shape;

/// Its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Threshold {
    /// Records/s above which slots are added.
    pub throughput_up: f64,
    /// Records/s below which one is taken away.
    pub throughput_down: f64,
    /// Slots that are added at once.
    pub parallelism_up: u32,
    /// Slots that are taken away at once.
    pub parallelism_down: u32,
    /// Share of the cores above which a worker is added.
    pub cpu_up: f64,
    /// Share of the cores below which one is taken away.
    pub cpu_down: f64,
    /// Seconds for which a threshold must be passed.
    pub for_s: u32,
}

/// Busy share of slots above which there are too few.
const BUSY: f64 = 0.8;

impl Default for Threshold {
    fn default() -> Self {
        Threshold {
            throughput_up: 1_000.0,
            throughput_down: 200.0,
            parallelism_up: 2,
            parallelism_down: 1,
            cpu_up: 0.80,
            cpu_down: 0.30,
            for_s: 30,
        }
    }
}

impl Threshold {
    pub(super) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::from_iter(time_fault(self.for_s));
        let Threshold { throughput_up, throughput_down, cpu_up, cpu_down, .. } = *self;
        let is_between = |low: f64, high: f64| low >= 0.0 && low < high && high.is_finite();
        if !is_between(throughput_down, throughput_up) {
            faults.push(format!(
                "throughput thresholds {throughput_down} and {throughput_up} are not in that order"
            ));
        }
        if !is_between(cpu_down, cpu_up) || cpu_up >= 1.0 {
            faults.push(format!(
                "cpu thresholds {cpu_down} and {cpu_up} are not in that order and below 1"
            ));
        }
        // Half of the load on each of twice as many workers must not bring one back.
        if cpu_down * 2.0 >= cpu_up {
            faults.push(format!(
                "cpu threshold {cpu_down} is not below half of {cpu_up}: two workers would become \
                 one and two again"
            ));
        }
        faults
    }

    pub(super) fn wish(&self, view: &View<'_>) -> Wish {
        let Some(window) = view.evidence.window(self.for_s) else {
            return Wish::Wait { need_s: self.for_s };
        };
        let wish = self.wish_up(view, &window);
        if matches!(wish, Wish::Shape { .. }) {
            return wish;
        }
        // Once it has flapped, going down takes longer.
        let need_s = self.for_s * (1 + view.wide);
        match view.evidence.window(need_s) {
            Some(window) => self.wish_down(view, &window, need_s),
            None => Wish::Wait { need_s },
        }
    }

    fn wish_up(&self, view: &View<'_>, window: &Window) -> Wish {
        let Threshold { throughput_up, cpu_up, for_s, .. } = *self;
        let mut causes = vec![];
        let Shape { mut workers, mut parallelism } = view.shape;
        if window.throughput_min > throughput_up {
            let value = window.throughput_min;
            causes.push(Cause::ThroughputAbove { value, limit: throughput_up, for_s });
            parallelism = parallelism.saturating_add(self.parallelism_up);
        }
        if window.cpu_min > cpu_up {
            let value = window.cpu_min;
            causes.push(Cause::CpuAbove { value, limit: cpu_up, for_s });
            workers = workers.saturating_add(1);
        }
        let Window { growth, lag, .. } = *window;
        let is_behind = window.lag_grows() && window.lag_s() > limits::SHORT_LAG_S;
        if is_behind && window.busy > BUSY && causes.is_empty() {
            causes.push(Cause::LagGrows { growth, lag });
            parallelism = parallelism.saturating_add(self.parallelism_up);
        }
        match causes.is_empty() {
            true => Wish::Nothing,
            false => Wish::Shape { shape: Shape { workers, parallelism }, up: true, causes },
        }
    }

    fn wish_down(&self, view: &View<'_>, window: &Window, for_s: u32) -> Wish {
        // It widens downwards alone: what is too small must be seen at any time.
        let factor = 1.0 - 0.25 * f64::from(view.wide);
        let (throughput_down, cpu_down) = (self.throughput_down * factor, self.cpu_down * factor);
        let mut causes = vec![];
        let Shape { mut workers, mut parallelism } = view.shape;
        let fewer = parallelism.saturating_sub(self.parallelism_down).max(1);
        let busy_then = window.busy * f64::from(parallelism) / f64::from(fewer);
        if window.throughput_max < throughput_down && busy_then <= BUSY {
            let value = window.throughput_max;
            causes.push(Cause::ThroughputBelow { value, limit: throughput_down, for_s });
            parallelism = fewer;
        }
        if window.cpu_max < cpu_down {
            let value = window.cpu_max;
            causes.push(Cause::CpuBelow { value, limit: cpu_down, for_s });
            workers = workers.saturating_sub(1);
        }
        match causes.is_empty() {
            true => Wish::Nothing,
            false => Wish::Shape { shape: Shape { workers, parallelism }, up: false, causes },
        }
    }
}
