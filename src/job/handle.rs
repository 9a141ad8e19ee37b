//! Starts a job and returns its handle: state, metrics, stop and join. Any number of jobs may run
//! in one process; they share nothing.

use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use seismic_pipeline::PauseToken;
use seismic_sinks::SinkHold;

use super::metrics::JobMetrics;
use super::notify::Notify;
use super::run;
use super::spec::JobSpec;
use super::state::{JobState, Shared};
use super::stop::StopToken;
use crate::backends::Url;
use crate::error::{Panicked, Usage};
use crate::status::numbers::JobNumbers;

/// How soon it is noticed that a job was stopped.
const STOP_LOOK: Duration = Duration::from_millis(100);

/// How long a stopped job may take before it is checked whether its queue can be reached. With
/// twice [`REACH_WAIT`] it stays below the 5 s that a stop may take.
const STOP_PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two such checks: each opens a connection.
const REACH_EVERY: Duration = Duration::from_secs(1);

/// How long a broker may take to take a connection.
const REACH_WAIT: Duration = Duration::from_secs(1);

/// A job that has not been started.
pub struct Job {
    spec: JobSpec,
    stop: StopToken,
    pause: PauseToken,
    sink_hold: SinkHold,
    notify: Notify,
}

impl Job {
    /// Starts a job on a thread of its own.
    ///
    /// # Errors
    /// [`Usage`] for a spec with faults. Everything else that can go wrong, as a queue that cannot
    /// be reached, makes the started job fail: see [`JobHandle::state`] and [`JobHandle::join`].
    pub fn start(spec: JobSpec) -> anyhow::Result<JobHandle> {
        Job::new(spec).spawn()
    }

    /// A job, to be started by [`Job::spawn`].
    #[must_use]
    pub fn new(spec: JobSpec) -> Job {
        let notify = |text: &dyn Display| tracing::info!("{text}");
        let (pause, sink_hold) = (PauseToken::default(), SinkHold::default());
        Job { spec, stop: StopToken::new(), pause, sink_hold, notify: Box::new(notify) }
    }

    /// The job stops when someone uses this token.
    #[must_use]
    pub fn stopped_by(self, stop: StopToken) -> Job {
        Job { stop, ..self }
    }

    /// The job reads nothing until someone has it read again ([`JobObserver::pause`]).
    #[must_use]
    pub fn paused(self, is_paused: bool) -> Job {
        self.pause.set(is_paused);
        self
    }

    /// Its sinks write nothing until somebody has them write again ([`JobObserver::hold_sinks`]).
    #[must_use]
    pub fn sinks_held(self, are_held: bool) -> Job {
        self.sink_hold.set(are_held);
        self
    }

    /// Calls `notify` with what a person wants to read, instead of logging it.
    #[must_use]
    pub fn notifying(self, notify: impl Fn(&dyn Display) + Send + 'static) -> Job {
        Job { notify: Box::new(notify), ..self }
    }

    /// Starts the job on a thread of its own.
    ///
    /// # Errors
    /// As [`Job::start`].
    pub fn spawn(self) -> anyhow::Result<JobHandle> {
        let faults: Vec<_> = self.spec.faults().iter().map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(Usage(faults.join("\n       ")).into());
        }
        let shared = Arc::new(Shared::new(&self.spec.group, self.stop, self.pause, self.sink_hold));
        let queue = self.spec.queue.clone();
        let (of_thread, spec, notify) = (Arc::clone(&shared), self.spec, self.notify);
        let (over, ended) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(format!("job {}", spec.group))
            .spawn(move || {
                // Dropped at the end, whatever that is.
                let _over = over;
                let began = Instant::now();
                let work = AssertUnwindSafe(|| run::run(&spec, &of_thread, &notify));
                let outcome = catch_unwind(work).unwrap_or_else(|_| Err(Panicked.into()));
                of_thread.end(outcome.as_ref().map(|_| ()));
                Ok(outcome?.then(|| JobReport::new(&of_thread, began.elapsed())))
            })
            .context("starting the job's thread")?;
        Ok(JobHandle { shared, queue, began: Instant::now(), thread: Some(thread), ended })
    }
}

/// A started job. Dropping it asks the job to stop and does not wait for it.
pub struct JobHandle {
    shared: Arc<Shared>,
    queue: Url,
    began: Instant,
    thread: Option<JoinHandle<anyhow::Result<Option<JobReport>>>>,
    /// Says nothing, until no one can say anything any more.
    ended: Receiver<()>,
}

impl JobHandle {
    /// What the job is doing now.
    #[must_use]
    pub fn state(&self) -> JobState {
        self.shared.state()
    }

    /// What the job has counted since it was started.
    #[must_use]
    pub fn metrics(&self) -> JobMetrics {
        self.shared.metrics()
    }

    /// Sees what the job does, also from another thread and after its end.
    #[must_use]
    pub fn observer(&self) -> JobObserver {
        JobObserver { shared: Arc::clone(&self.shared) }
    }

    /// Asks the job to stop: its slots commit what they have, its sinks write what is committed.
    pub fn stop(&self) {
        self.shared.stop.stop();
    }

    /// Waits until the job has ended. `None` when it was stopped before it had opened everything.
    ///
    /// A stopped job whose queue no one is at is not waited for longer than it has time: its
    /// threads ask brokers that are gone, and each question is given up at its own time. They are
    /// left to the end of the process, as a kill would leave them, and the next run continues from
    /// what is committed.
    ///
    /// # Errors
    /// Why it failed; the state is [`JobState::Failed`] then. Also when it was not waited for, and
    /// had not committed all that it had read.
    pub fn join(mut self) -> anyhow::Result<Option<JobReport>> {
        let thread = self.thread.take().expect("it is taken only here, and this consumes it");
        let mut check_at: Option<Instant> = None;
        while self.ended.recv_timeout(STOP_LOOK) == Err(RecvTimeoutError::Timeout) {
            if !self.shared.stop.is_stopped() {
                continue;
            }
            let now = Instant::now();
            if now < *check_at.get_or_insert(now + STOP_PATIENCE) {
                continue;
            }
            // One lost packet is no outage. The job may have ended while that was asked.
            let is_gone = || !self.queue.is_reachable(REACH_WAIT);
            if is_gone() && is_gone() && !thread.is_finished() {
                return self.leave();
            }
            check_at = Some(Instant::now() + REACH_EVERY);
        }
        thread.join().unwrap_or_else(|_| Err(Panicked.into()))
    }

    /// Ends without the job's threads.
    fn leave(&self) -> anyhow::Result<Option<JobReport>> {
        let queue = self.queue.to_string();
        let (metrics, is_begun) = (&self.shared.metrics, self.state() != JobState::Starting);
        let outcome = match metrics.is_settled() && !metrics.has_failed() {
            true => Ok(is_begun.then(|| JobReport::new(&self.shared, self.began.elapsed()))),
            false => {
                Err(LeftBehind { queue: queue.clone(), has_failed: metrics.has_failed() }.into())
            }
        };
        if outcome.is_ok() {
            tracing::warn!(
                "{queue} does not answer, so sinks and housekeeping were left behind; all that was read is committed"
            );
        }
        self.shared.end(outcome.as_ref().map(|_| ()));
        outcome
    }
}

/// A stopped job could not make its last commit, or say why it stopped, since no one answers.
#[derive(Debug)]
pub struct LeftBehind {
    queue: String,
    has_failed: bool,
}

impl Display for LeftBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.has_failed {
            true => "stopped because a sink or a step of the job failed, and not waited for",
            false => "stopped without a last commit",
        };
        write!(
            f,
            "{why}, since {} does not answer; nothing is lost: the next run continues from what is \
             committed",
            self.queue
        )
    }
}

impl std::error::Error for LeftBehind {}

/// Sees what a job does, without having it.
#[derive(Clone, Debug)]
pub struct JobObserver {
    shared: Arc<Shared>,
}

impl JobObserver {
    /// As [`JobHandle::state`].
    #[must_use]
    pub fn state(&self) -> JobState {
        self.shared.state()
    }

    /// As [`JobHandle::metrics`].
    #[must_use]
    pub fn metrics(&self) -> JobMetrics {
        self.shared.metrics()
    }

    /// What the job has counted and measured, for whoever watches it.
    #[must_use]
    pub fn numbers(&self) -> JobNumbers {
        JobNumbers::of(&self.metrics(), &self.shared.metrics)
    }

    /// Has the job read nothing, or read again. It keeps its partitions, and its place in a group,
    /// and commits what it has.
    pub fn pause(&self, is_paused: bool) {
        self.shared.pause.set(is_paused);
    }

    /// Whether it is to read nothing.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.shared.pause.is_set()
    }

    /// Has it have so many slots from now on, where that can change while it works.
    pub fn set_slots(&self, slots: usize) {
        self.shared.parallelism.set(slots);
    }

    /// How many slots work; `None` where their number does not change.
    #[must_use]
    pub fn slots(&self) -> Option<usize> {
        self.shared.parallelism.running()
    }

    /// Has its sinks write nothing, or write again. Rows wait in the store meanwhile.
    pub fn hold_sinks(&self, are_held: bool) {
        self.shared.sink_hold.set(are_held);
    }

    /// Whether its sinks are to write nothing.
    #[must_use]
    pub fn holds_sinks(&self) -> bool {
        self.shared.sink_hold.is_set()
    }

    /// As [`JobHandle::stop`].
    pub fn stop(&self) {
        self.shared.stop.stop();
    }
}

impl Drop for JobHandle {
    fn drop(&mut self) {
        self.shared.stop.stop();
    }
}

impl fmt::Debug for JobHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// What a job did from its start to its end.
#[derive(Clone, Debug)]
pub struct JobReport {
    /// What it counted.
    pub metrics: JobMetrics,
    /// How long it took.
    pub time: Duration,
}

impl JobReport {
    fn new(shared: &Shared, time: Duration) -> Self {
        JobReport { metrics: shared.metrics(), time }
    }
}
