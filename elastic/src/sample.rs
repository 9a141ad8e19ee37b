//! What was measured of a job at one time.

use serde::{Deserialize, Serialize};

use crate::limits;

/// One measurement of a whole job: what each worker did since the one before, and what waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When it was taken, ms since 1970 UTC.
    pub at_ms: i64,
    /// Workers that gave a fresh report.
    pub workers: Vec<WorkerLoad>,
    /// Workers that should run and gave none.
    pub missing: u32,
    /// What the job does; the worst of what its workers do.
    pub activity: Activity,
    /// Partitions of its input.
    pub partitions: u32,
    /// Records since the last sample.
    pub records: u64,
    /// Records that wait in the queue.
    pub lag: f64,
    /// From a row's newest event to its commit, ms, where it was measured.
    pub latency_ms: Option<f64>,
}

/// What one worker did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkerLoad {
    /// Its number in the job, which the one that takes its place has, too.
    pub worker: u32,
    /// Slots that are active.
    pub slots: u32,
    /// Records/s.
    pub throughput: f64,
    /// Share of the cores that it may use, 0 to 1.
    pub cpu: f64,
    /// Share of time in which its slots did not wait for records, 0 to 1.
    pub busy: f64,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// It reads: numbers mean something.
    Reading,
    /// A worker has just been started, or has no two reports yet.
    Starting,
    /// Partitions move between workers.
    Rebalancing,
    /// A worker restores a checkpoint or replays what follows it.
    Recovering,
}

impl Activity {
    /// As part of a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Activity::Reading => "the job reads",
            Activity::Starting => "a worker starts",
            Activity::Rebalancing => "partitions move between workers",
            Activity::Recovering => "a worker recovers and replays",
        }
    }
}

impl Sample {
    /// Records/s of all workers.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.workers.iter().map(|worker| worker.throughput).sum()
    }

    /// Share of the cores that all workers may use.
    #[must_use]
    pub fn cpu(&self) -> f64 {
        let sum: f64 = self.workers.iter().map(|worker| worker.cpu.min(1.0)).sum();
        sum / self.workers.len().max(1) as f64
    }

    /// Share of time in which slots did not wait for records.
    #[must_use]
    pub fn busy(&self) -> f64 {
        let of = |worker: &WorkerLoad| worker.busy.min(1.0) * f64::from(worker.slots);
        self.workers.iter().map(of).sum::<f64>() / f64::from(self.parallelism().max(1))
    }

    /// Active slots of all workers.
    #[must_use]
    pub fn parallelism(&self) -> u32 {
        self.workers.iter().fold(0, |sum, worker| sum.saturating_add(worker.slots))
    }

    /// What cannot be true of it.
    pub(crate) fn absurdity(&self) -> Option<&'static str> {
        let is_within = |number: f64, most: f64| (0.0..=most).contains(&number);
        if self.workers.is_empty() && self.missing == 0 {
            return Some("it has no worker");
        }
        if self.workers.len() > limits::WORKERS as usize {
            return Some("it has too many workers");
        }
        if self.partitions == 0 {
            return Some("the input has no partition");
        }
        if self.parallelism() > limits::PARALLELISM {
            return Some("it has too many slots");
        }
        if !is_within(self.lag, limits::RATE) {
            return Some("the lag is no possible number");
        }
        for worker in &self.workers {
            if !is_within(worker.throughput, limits::RATE) {
                return Some("a worker's throughput is no possible number");
            }
            if !is_within(worker.cpu, limits::SHARE) {
                return Some("a worker's CPU share is no possible number");
            }
            if !is_within(worker.busy, limits::SHARE) {
                return Some("a worker's busy share is no possible number");
            }
        }
        None
    }
}
