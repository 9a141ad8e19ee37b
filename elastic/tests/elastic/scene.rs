//! A job that is watched: samples as a test wants them, an interval apart.

use seismic_elastic::{
    Activity, Decision, Policy, Sample, Settings, Shape, State, Target, Threshold, WorkerLoad,
    decide,
};

/// 2025-11-30 12:00:00 UTC.
pub const NOON_MS: i64 = 1_764_504_000_000;

/// What the workers of a sample do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub throughput: f64,
    pub cpu: f64,
    pub busy: f64,
    pub lag: f64,
}

/// Nothing to do about it, by either policy.
pub const CALM: Load = Load { throughput: 500.0, cpu: 0.5, busy: 0.5, lag: 0.0 };
/// More than either policy wants.
pub const HIGH: Load = Load { throughput: 1_500.0, cpu: 0.9, busy: 0.95, lag: 0.0 };
/// Less.
pub const LOW: Load = Load { throughput: 100.0, cpu: 0.1, busy: 0.1, lag: 0.0 };

pub struct Scene {
    pub state: State,
    pub settings: Settings,
    pub now_ms: i64,
    pub shape: Shape,
    pub partitions: u32,
}

pub fn shape(workers: u32, parallelism: u32) -> Shape {
    Shape { workers, parallelism }
}

impl Scene {
    pub fn threshold(workers: u32, parallelism: u32) -> Scene {
        Scene::of(Policy::Threshold(Threshold::default()), shape(workers, parallelism))
    }

    pub fn target(workers: u32, parallelism: u32) -> Scene {
        Scene::of(Policy::Target(Target::default()), shape(workers, parallelism))
    }

    fn of(policy: Policy, shape: Shape) -> Scene {
        let settings = Settings { policy, ..Settings::default() };
        Scene { state: State::default(), settings, now_ms: NOON_MS, shape, partitions: 64 }
    }

    /// What would be measured now.
    pub fn sample(&self, load: Load) -> Sample {
        let Shape { workers, parallelism } = self.shape;
        let worker = |worker: u32| {
            let slots = parallelism / workers + u32::from(worker < parallelism % workers);
            let throughput = load.throughput * f64::from(slots) / f64::from(parallelism);
            WorkerLoad { worker, slots, throughput, cpu: load.cpu, busy: load.busy }
        };
        Sample {
            at_ms: self.now_ms,
            workers: (0..workers).map(worker).collect(),
            missing: 0,
            activity: Activity::Reading,
            partitions: self.partitions,
            records: (load.throughput * 5.0) as u64,
            lag: load.lag,
            latency_ms: None,
        }
    }

    /// An interval later: one decision, from a sample that a test may change.
    pub fn see_changed(&mut self, load: Load, change: impl FnOnce(&mut Sample)) -> Decision {
        self.now_ms += i64::from(self.settings.interval_s) * 1_000;
        let mut sample = self.sample(load);
        change(&mut sample);
        decide(&mut self.state, &self.settings, self.now_ms, Some(&sample))
    }

    /// An interval later: one decision.
    pub fn see(&mut self, load: Load) -> Decision {
        self.see_changed(load, |_| {})
    }

    /// An interval later, without metrics.
    pub fn see_nothing(&mut self) -> Decision {
        self.now_ms += i64::from(self.settings.interval_s) * 1_000;
        decide(&mut self.state, &self.settings, self.now_ms, None)
    }

    /// Decisions up to the first change, at most so many; nothing is done about it.
    pub fn see_until_change(&mut self, load: Load, at_most: usize) -> Option<Decision> {
        (0..at_most).map(|_| self.see(load)).find(Decision::is_change)
    }

    /// Carries a change out.
    pub fn act(&mut self, decision: &Decision) {
        self.state.begin(decision);
        self.shape = decision.to;
    }

    /// So many decisions, all changes carried out at once: what was changed to.
    pub fn live(&mut self, load: Load, intervals: usize) -> Vec<Shape> {
        let mut shapes = vec![];
        for _ in 0..intervals {
            let decision = self.see(load);
            if decision.is_change() {
                self.act(&decision);
                shapes.push(decision.to);
            }
        }
        shapes
    }
}
