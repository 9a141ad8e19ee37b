//! Jobs and workers in the API, as plain data. Field names are those of the JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::status::numbers::JobNumbers;

/// Every state that a job may be in, as `/metrics` and the API name it.
pub const STATES: [&str; 10] = [
    "created",
    "starting",
    "running",
    "degraded",
    "draining",
    "paused",
    "restarting",
    "finished",
    "stopped",
    "failed",
];

/// A job with what it does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobEntry {
    /// Its name, unique here.
    pub name: String,
    /// Name of its group.
    pub group: String,
    /// One of [`STATES`].
    pub state: String,
    /// Since when it is in this state, ms since 1970 UTC.
    pub since_ms: i64,
    /// Why it is in this state.
    pub why: String,
    /// The newest error, also one that has passed.
    pub last_error: Option<String>,
    /// How often it was restarted on its own.
    pub restarts: u64,
    /// Whether it is put away: it is not started before it is brought back.
    pub is_archived: bool,
    /// Its alarms, and what of them has not arrived.
    pub alarms: AlarmCounts,
    /// What it has counted and measured, over all its workers.
    pub numbers: JobNumbers,
    /// What workers have counted that are gone; it counts in `/metrics` only.
    #[serde(skip)]
    pub past: Option<JobNumbers>,
    /// How it is scaled, if it is.
    pub scaling: Option<ScalingNumbers>,
}

impl JobEntry {
    /// What was counted, which never falls while this process shows the job.
    #[must_use]
    pub fn counted(&self) -> JobNumbers {
        let mut all = self.past.clone().unwrap_or_default();
        all.add(&self.numbers);
        // A worker of an older version does not say it of each partition.
        if all.partitions.iter().any(|it| it.counts.is_some()) {
            all.counts = all.totals();
        }
        all
    }

    /// Whether it reads and commits.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(&*self.state, "running" | "degraded")
    }

    /// Whether it runs and nothing has waited longer than `most_ms`; otherwise why not.
    ///
    /// # Errors
    /// Why it is not ready.
    pub fn readiness(&self, most_ms: i64) -> Result<(), String> {
        let name = &self.name;
        match self.numbers.wait_ms {
            _ if !self.is_running() => Err(format!("job {name} is {}", self.state)),
            None => Err(format!("job {name} has not heard yet how far its input goes")),
            Some(wait_ms) if wait_ms > most_ms => Err(format!(
                "job {name} is {:.1} s behind its input, and ready below {:.1} s",
                wait_ms as f64 / 1e3,
                most_ms as f64 / 1e3
            )),
            Some(_) => Ok(()),
        }
    }
}

/// What is known of the scaling of a job: as it is now, and, for `/metrics` only, as counts since it is scaled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScalingNumbers {
    /// Workers.
    pub workers: Wanted,
    /// Slots of those.
    pub parallelism: Wanted,
    /// Decisions for no change, for one that was begun, and for one that was not.
    #[serde(skip)]
    pub decisions: (u64, u64, u64),
    /// Changes that were proved, and that were taken back.
    #[serde(skip)]
    pub changes: (u64, u64),
    /// Commands and requests to Kubernetes that have failed.
    #[serde(skip)]
    pub failures: u64,
    /// Rest of the pause after the last change, ms.
    #[serde(skip)]
    pub cool_down_ms: u64,
    /// What a change costs: the largest of the last ones, ms; `None` until one is measured.
    #[serde(skip)]
    pub cost_ms: Option<u64>,
    /// Whether this server may change anything.
    pub acts: bool,
    /// Whether this server holds the lease of the job; `None`: none is needed.
    pub holds_lease: Option<bool>,
    /// Who holds it, as far as this server knows, also if it is itself.
    pub lease_holder: Option<String>,
    /// Workers that a command or Kubernetes runs on other machines.
    pub elsewhere: Vec<WorkerElsewhere>,
}

/// How many there are, and how many there are to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Those that report.
    pub running: u32,
    /// Those that are wanted.
    pub wanted: u32,
}

/// A worker on another machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerElsewhere {
    /// Its number among the workers of the job.
    pub worker: usize,
    /// Its name over there.
    pub name: String,
    /// The node it was started on; empty without nodes.
    pub node: String,
    /// Its slots.
    pub slots: u32,
    /// What it says of itself; `None` while it does not answer.
    pub state: Option<String>,
    /// Why it does not answer.
    pub silence: Option<String>,
}

/// Alarms of a job, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmCounts {
    /// Those that are raised.
    pub raised: u64,
    /// Messages that wait for a target, to be sent or to be sent again.
    pub waiting: u64,
    /// Messages that were given up.
    pub undelivered: u64,
}

/// A process that works on a job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// Its name, unique here.
    pub name: String,
    /// The job that it works on.
    pub job: String,
    /// Where it runs.
    pub host: String,
    /// Its process id.
    pub pid: u32,
    /// When it was started, ms since 1970 UTC.
    pub started_ms: i64,
    /// Whether it answers.
    pub is_alive: bool,
    /// Threads that can read and compute ...
    pub slots: u64,
    /// ... and those that have a partition.
    pub slots_used: u64,
    /// Its partitions.
    pub partitions: Vec<u32>,
    /// Resident memory, bytes.
    pub memory_bytes: u64,
    /// Processor time, ms.
    pub cpu_ms: u64,
}

/// All of it in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Overview {
    /// Version of the program.
    pub version: String,
    /// Since when jobs are served here, ms since 1970 UTC.
    pub since_ms: i64,
    /// Now, ms since 1970 UTC.
    pub now_ms: i64,
    /// Processes that answer.
    pub workers: u64,
    /// Slots of all workers ...
    pub slots_total: u64,
    /// ... and those without a partition.
    pub slots_available: u64,
    /// Jobs.
    pub jobs: u64,
    /// Jobs that read and commit.
    pub jobs_running: u64,
    /// Jobs in each state.
    pub jobs_by_state: BTreeMap<String, u64>,
}

impl Overview {
    /// That of these jobs and workers.
    #[must_use]
    pub fn of(jobs: &[JobEntry], workers: &[Worker], since_ms: i64, now_ms: i64) -> Overview {
        let alive = || workers.iter().filter(|worker| worker.is_alive);
        let slots_total = alive().map(|worker| worker.slots).sum();
        let used: u64 = alive().map(|worker| worker.slots_used).sum();
        let mut jobs_by_state: BTreeMap<String, u64> =
            STATES.iter().map(|state| ((*state).to_owned(), 0)).collect();
        for job in jobs {
            *jobs_by_state.entry(job.state.clone()).or_default() += 1;
        }
        Overview {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            since_ms,
            now_ms,
            workers: alive().count() as u64,
            slots_total,
            slots_available: slots_total.saturating_sub(used),
            jobs: jobs.len() as u64,
            jobs_running: jobs.iter().filter(|job| job.is_running()).count() as u64,
            jobs_by_state,
        }
    }
}

/// One line of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    /// When, ms since 1970 UTC.
    pub time_ms: i64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// What.
    pub message: String,
    /// Which worker of the job, from 1 on, and 0 for the process of its sinks; `None` where it has
    /// one process.
    pub worker: Option<usize>,
    /// Whether the process has printed it: rows of a console, or a panic.
    #[serde(skip)]
    pub is_printed: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(state: &str, wait_ms: Option<i64>) -> JobEntry {
        let numbers = JobNumbers { wait_ms, ..JobNumbers::default() };
        JobEntry { name: "coast".into(), state: state.into(), numbers, ..JobEntry::default() }
    }

    #[test]
    fn a_job_is_ready_when_it_runs_and_little_waits() {
        assert_eq!(job("running", Some(10_000)).readiness(10_000), Ok(()));
        for (job, why) in [
            (job("running", Some(10_001)), "is 10.0 s behind"),
            (job("running", None), "has not heard yet"),
            (job("starting", Some(0)), "is starting"),
        ] {
            let refused = job.readiness(10_000).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn slots_of_workers_that_do_not_answer_do_not_count() {
        let worker = Worker { is_alive: true, slots: 4, slots_used: 1, ..Worker::default() };
        let gone = Worker { is_alive: false, ..worker.clone() };
        let overview = Overview::of(&[job("running", None)], &[worker, gone], 0, 1);
        assert_eq!((overview.workers, overview.slots_total, overview.slots_available), (1, 4, 3));
        assert_eq!((overview.jobs_running, overview.jobs_by_state["running"]), (1, 1));
    }
}
