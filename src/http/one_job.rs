//! The one job of `seismic run --http`.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::cached::Cached;
use super::history::{History, Point};
use super::model::{AlarmCounts, JobEntry, LogLine, Worker};
use super::{Action, ApiError, Jobs};
use crate::job::location::Location;
use crate::job::{JobObserver, JobSpec};
use crate::logs;
use crate::status::numbers::JobNumbers;
use crate::status::sink_lags::{self, SinkLags};
use crate::status::standing::Standing;
use crate::time::now_ms;

/// Rows that sinks have not written are asked of the store this often: in Kafka, that is a topic
/// to read.
const SINK_LAGS_SHARED: Duration = Duration::from_secs(5);

/// One job in this process.
#[derive(Debug)]
pub struct OneJob {
    name: String,
    location: Location,
    slots: u64,
    since_ms: i64,
    ready_lag_ms: i64,
    host: String,
    /// Once it is started.
    observer: OnceLock<JobObserver>,
    standing: Mutex<Standing>,
    history: Mutex<History>,
    sink_lags: Cached<Arc<SinkLags>>,
}

impl OneJob {
    /// The job of this spec, which is about to be started.
    #[must_use]
    pub fn new(spec: &JobSpec, ready_lag_ms: i64) -> OneJob {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        OneJob {
            name: spec.group.clone(),
            location: spec.location(),
            slots: spec.slots.unwrap_or(cores) as u64,
            since_ms: now_ms(),
            ready_lag_ms,
            host,
            observer: OnceLock::new(),
            standing: Mutex::default(),
            history: Mutex::default(),
            sink_lags: Cached::new(SINK_LAGS_SHARED),
        }
    }

    /// The job was started.
    pub fn started(&self, observer: JobObserver) {
        let _ = self.observer.set(observer);
    }

    /// To be called every second: the history grows by a point.
    pub fn tick(&self) {
        let numbers = self.numbers();
        lock(&self.history).add(&numbers);
    }

    /// The job with what it does and its numbers now, without a look into its store.
    pub fn entry(&self) -> JobEntry {
        let numbers = self.numbers();
        self.entry_with(numbers)
    }

    fn entry_with(&self, numbers: JobNumbers) -> JobEntry {
        let Standing { state, since_ms, why, last_error } = self.standing();
        JobEntry {
            name: self.name.clone(),
            group: self.location.group.clone(),
            state: state.to_owned(),
            since_ms,
            why,
            last_error,
            // It is restarted by whoever runs this process.
            restarts: 0,
            is_archived: false,
            alarms: AlarmCounts::default(),
            numbers,
            past: None,
            scaling: None,
        }
    }

    /// What it does now.
    pub fn standing(&self) -> Standing {
        let mut standing = lock(&self.standing);
        if let Some(observer) = self.observer.get() {
            standing.see(&observer.state());
        }
        standing.clone()
    }

    fn numbers(&self) -> JobNumbers {
        self.observer.get().map(JobObserver::numbers).unwrap_or_default()
    }

    /// Its numbers, with the rows that sinks have not written.
    fn numbers_with_sinks(&self) -> JobNumbers {
        let mut numbers = self.numbers();
        if numbers.sinks.is_empty() || numbers.commits == 0 {
            return numbers;
        }
        // What cannot be read now has no value now.
        if let Ok(lags) = self.sink_lags.get(|| sink_lags::ask(&self.location).map(Arc::new)) {
            sink_lags::put_into(&mut numbers, &lags);
        }
        numbers
    }
}

impl Jobs for OneJob {
    fn jobs(&self) -> Vec<JobEntry> {
        vec![self.entry_with(self.numbers_with_sinks())]
    }

    fn workers(&self) -> Vec<Worker> {
        let numbers = self.numbers();
        let held = numbers.partitions.iter().filter(|it| it.is_held);
        let partitions: Vec<u32> = held.map(|it| it.partition).collect();
        let pid = std::process::id();
        vec![Worker {
            name: format!("{}-{pid}", self.host),
            job: self.name.clone(),
            host: self.host.clone(),
            pid,
            started_ms: self.since_ms,
            is_alive: true,
            slots: self.slots,
            slots_used: self.slots.min(partitions.len() as u64),
            partitions,
            memory_bytes: numbers.memory_bytes,
            cpu_ms: numbers.cpu_ms,
        }]
    }

    fn location(&self, job: &str) -> Option<Location> {
        (job == self.name).then(|| self.location.clone())
    }

    fn history(&self, _job: &str, from_ms: i64) -> Vec<Point> {
        lock(&self.history).since(from_ms)
    }

    fn logs(&self, _job: &str, lines: usize) -> Vec<LogLine> {
        let line = |line: logs::Line| LogLine {
            time_ms: line.time_ms,
            level: line.level_name().to_owned(),
            message: line.text(),
            ..LogLine::default()
        };
        logs::tail(lines).into_iter().map(line).collect()
    }

    fn act(&self, job: &str, action: &Action) -> Result<(), ApiError> {
        let observer = self.observer.get().filter(|job| !job.state().is_over());
        let Some(observer) = observer else {
            return Err(ApiError::conflict(format!("job {job} does not run")));
        };
        match action {
            Action::Stop => {
                tracing::info!(target: logs::SERVICE, "a stop was requested over HTTP");
                observer.stop();
                Ok(())
            }
            Action::Savepoint(name) => {
                let store = self.location.open_store();
                let store = store.map_err(|error| ApiError::unavailable(&error.into()))?;
                store.request_checkpoint(name).map_err(|error| refused(error.into()))
            }
        }
    }

    fn since_ms(&self) -> i64 {
        self.since_ms
    }

    fn ready_lag_ms(&self) -> i64 {
        self.ready_lag_ms
    }
}

/// Why a store does not take a request.
fn refused(error: anyhow::Error) -> ApiError {
    use seismic_queue::Error;
    let message = crate::remedy::in_one_line(&error);
    match error.downcast_ref::<Error>() {
        Some(Error::Name { .. }) => ApiError::bad_request(message),
        Some(Error::NameTaken { .. } | Error::TooManyNames { .. }) => ApiError::conflict(message),
        _ => ApiError::unavailable(&error),
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
