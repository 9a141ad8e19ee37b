//! A model of a job: records wait in order, slots take as many a second as they can, and a change takes
//! time: workers start while the others go on, then output stands still.

use std::collections::VecDeque;

use crate::sample::{Activity, Sample, WorkerLoad};
use crate::shape::Shape;

/// What does not change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plant {
    /// Records/s of one slot.
    pub slot_capacity: f64,
    /// Partitions of the input.
    pub partitions: u32,
    /// Seconds for a worker to start, while the others go on.
    pub start_s: u32,
    /// Seconds of a change in which nothing is read.
    pub pause_s: u32,
    /// Seconds after which a row is late.
    pub late_s: u32,
}

impl Default for Plant {
    /// Of `docs/performance.md`: 4.2 million records/s a slot on Kafka, about 2 s for a worker to
    /// start, and the bound of a change, 3 s.
    fn default() -> Self {
        Plant { slot_capacity: 4.2e6, partitions: 64, start_s: 2, pause_s: 3, late_s: 5 }
    }
}

/// A job while it runs.
#[derive(Clone, Debug)]
pub struct Job {
    plant: Plant,
    shape: Shape,
    second: u64,
    /// Seconds in which records arrived, and how many of them wait.
    waiting: VecDeque<(u64, f64)>,
    /// Records that wait.
    lag: f64,
    change: Option<Change>,
    /// Since the last sample.
    served: f64,
    used: f64,
    seconds: f64,
    sample: Sample,
    /// Records that were read, and those of them that were late.
    pub(crate) read: f64,
    pub(crate) late: f64,
    pub(crate) worker_seconds: f64,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    to: Shape,
    starts_until: u64,
    ends: u64,
}

impl Job {
    /// A job without lag.
    #[must_use]
    pub fn new(plant: Plant, shape: Shape) -> Self {
        let sample = Sample {
            at_ms: 0,
            workers: vec![],
            missing: 0,
            activity: Activity::Reading,
            partitions: plant.partitions,
            records: 0,
            lag: 0.0,
            latency_ms: None,
        };
        Job {
            plant,
            shape,
            second: 0,
            waiting: VecDeque::new(),
            lag: 0.0,
            change: None,
            served: 0.0,
            used: 0.0,
            seconds: 0.0,
            sample,
            read: 0.0,
            late: 0.0,
            worker_seconds: 0.0,
        }
    }

    /// What runs.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Seconds since the oldest record that waits arrived.
    #[must_use]
    pub fn delay_s(&self) -> u64 {
        self.waiting.front().map_or(0, |(second, _)| self.second - second)
    }

    /// Records/s of all its slots.
    #[must_use]
    pub fn capacity(&self) -> f64 {
        f64::from(self.shape.parallelism.min(self.plant.partitions)) * self.plant.slot_capacity
    }

    /// Whether a change is under way.
    #[must_use]
    pub fn is_changing(&self) -> bool {
        self.change.is_some()
    }

    /// Begins a change.
    pub fn change(&mut self, to: Shape) {
        let starts = if to.workers > self.shape.workers { self.plant.start_s } else { 0 };
        let starts_until = self.second + u64::from(starts);
        let ends = starts_until + u64::from(self.plant.pause_s);
        self.change = Some(Change { to, starts_until, ends });
    }

    /// Advances by one second, in which `arrivals` records arrive.
    pub fn second(&mut self, arrivals: f64) {
        let mut capacity = self.capacity();
        let mut workers = self.shape.workers;
        if let Some(change) = self.change {
            workers = workers.max(change.to.workers);
            if self.second >= change.ends {
                self.shape = change.to;
                self.change = None;
                capacity = self.capacity();
            } else if self.second >= change.starts_until {
                capacity = 0.0;
            }
        }
        self.worker_seconds += f64::from(workers);
        if arrivals > 0.0 {
            self.lag += arrivals;
            self.waiting.push_back((self.second, arrivals));
        }
        let mut left = capacity;
        while left > 0.0 {
            let Some((second, records)) = self.waiting.front_mut() else { break };
            let taken = records.min(left);
            left -= taken;
            self.read += taken;
            if self.second - *second > u64::from(self.plant.late_s) {
                self.late += taken;
            }
            if taken < *records {
                *records -= taken;
                break;
            }
            self.waiting.pop_front();
        }
        // Without what rounding leaves.
        self.lag = if self.waiting.is_empty() { 0.0 } else { self.lag - (capacity - left) };
        self.served += capacity - left;
        self.used += if capacity > 0.0 { (capacity - left) / capacity } else { 0.0 };
        self.seconds += 1.0;
        self.second += 1;
    }

    /// What was measured since the last sample.
    pub fn sample(&mut self, at_ms: i64) -> &Sample {
        let seconds = self.seconds.max(1.0);
        let busy = (self.used / seconds).min(1.0);
        let Shape { workers, parallelism } = self.shape;
        let sample = &mut self.sample;
        sample.at_ms = at_ms;
        sample.activity = match self.change {
            Some(change) if self.second > change.starts_until => Activity::Rebalancing,
            Some(_) => Activity::Starting,
            None => Activity::Reading,
        };
        sample.records = self.served as u64;
        sample.lag = self.lag.max(0.0);
        sample.workers.clear();
        for worker in 0..workers {
            // The first ones have one slot more where they are not even.
            let slots = parallelism / workers + u32::from(worker < parallelism % workers);
            let share = f64::from(slots) / f64::from(parallelism.max(1));
            let throughput = self.served / seconds * share;
            sample.workers.push(WorkerLoad { worker, slots, throughput, cpu: busy, busy });
        }
        (self.served, self.used, self.seconds) = (0.0, 0.0, 0.0);
        &self.sample
    }
}
