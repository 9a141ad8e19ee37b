//! A run: a load, a job, and a policy or none.

use serde::Serialize;

use crate::alert::Alert;
use crate::decide::decide;
use crate::settings::Settings;
use crate::shape::Shape;
use crate::simulate::job::{Job, Plant};
use crate::state::State;

/// What arrives.
pub trait Load {
    /// Records of a second, which are asked for in order.
    fn arrivals(&mut self, second: u64) -> f64;

    /// Whether metrics can be had then.
    fn has_metrics(&mut self, second: u64) -> bool {
        let _ = second;
        true
    }
}

impl<F: FnMut(u64) -> f64> Load for F {
    fn arrivals(&mut self, second: u64) -> f64 {
        self(second)
    }
}

/// Part of a run to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// Its first second.
    pub begin: u64,
    /// The second after its last one.
    pub end: u64,
    /// Seconds of one step.
    pub step: u64,
    /// Of each step: the highest load, the highest capacity (records/s) and the longest delay (s).
    pub steps: Vec<[f64; 3]>,
}

impl Trace {
    /// One without steps yet.
    #[must_use]
    pub fn new(begin: u64, end: u64, step: u64) -> Self {
        Trace { begin, end, step, steps: vec![] }
    }

    fn note(&mut self, second: u64, figures: [f64; 3]) {
        if second < self.begin || second >= self.end {
            return;
        }
        if (second - self.begin).is_multiple_of(self.step.max(1)) {
            self.steps.push(figures);
        } else if let Some(step) = self.steps.last_mut() {
            for (most, figure) in step.iter_mut().zip(figures) {
                *most = most.max(figure);
            }
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Outcome {
    /// Records that were read.
    pub records: f64,
    /// Share of them that were read in time.
    pub in_time: f64,
    /// Hours of all workers.
    pub worker_hours: f64,
    /// Changes.
    pub changes: u32,
    /// Those of the day with most of them.
    pub changes_of_a_day: u32,
    /// Alerts, and the second of each.
    #[serde(skip)]
    pub alerts: Vec<(u64, Alert)>,
    /// Each change: when, and to what.
    #[serde(skip)]
    pub shapes: Vec<(u64, Shape)>,
    /// What runs at the end.
    pub shape: Option<Shape>,
    /// Records that wait at the end.
    pub lag: f64,
}

/// 2025-11-30 00:00:00 UTC: where runs begin.
const BEGIN_MS: i64 = 1_764_460_800_000;

/// Alerts that are kept of a run.
const ALERTS: usize = 10_000;

/// Runs a job under a load for so many seconds, from `shape` on. Without settings the shape is fixed.
pub fn run(
    plant: Plant,
    shape: Shape,
    settings: Option<&Settings>,
    load: &mut impl Load,
    seconds: u64,
    traces: &mut [Trace],
) -> Outcome {
    let mut job = Job::new(plant, shape);
    let mut state = State::default();
    let mut outcome = Outcome::default();
    let mut days = vec![0u32; seconds.div_ceil(86_400) as usize];
    for second in 0..seconds {
        let arrivals = load.arrivals(second);
        job.second(arrivals);
        for trace in traces.iter_mut() {
            trace.note(second, [arrivals, job.capacity(), job.delay_s() as f64]);
        }
        let Some(settings) = settings else { continue };
        if !(second + 1).is_multiple_of(u64::from(settings.interval_s)) {
            continue;
        }
        let at_ms = BEGIN_MS + (second as i64 + 1) * 1_000;
        let has_metrics = load.has_metrics(second);
        let sample = job.sample(at_ms);
        let decision = decide(&mut state, settings, at_ms, has_metrics.then_some(sample));
        let room = ALERTS - outcome.alerts.len().min(ALERTS);
        outcome.alerts.extend(decision.alerts.iter().take(room).map(|alert| (second, *alert)));
        if decision.is_change() {
            state.begin(&decision);
            job.change(decision.to);
            outcome.changes += 1;
            outcome.shapes.push((second, decision.to));
            days[(second / 86_400) as usize] += 1;
        }
    }
    outcome.records = job.read;
    outcome.in_time = 1.0 - job.late / job.read.max(1.0);
    outcome.worker_hours = job.worker_seconds / 3_600.0;
    outcome.changes_of_a_day = days.into_iter().max().unwrap_or(0);
    outcome.shape = Some(job.shape());
    outcome.lag = job.sample(0).lag;
    outcome
}
