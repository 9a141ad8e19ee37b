//! The sinks of one job, each on a thread of its own, and how they end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use seismic_queue::{JobStore, Kind};

use super::metrics::SinkMetrics;
use super::stop::Order;
use crate::rows::source;
use crate::{Error, Result, SinkHold, SinkRunner, SinkSpec, SinkStop, limits};

/// Longest time between two looks whether a thread has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Running sinks. Dropping them orders each to end and waits for none.
pub struct SinkThreads {
    running: Vec<Running>,
}

struct Running {
    spec: SinkSpec,
    stop: Arc<SinkStop>,
    metrics: Arc<SinkMetrics>,
    thread: JoinHandle<thread::Result<Result<()>>>,
}

/// Opens a sink and lets it recover.
pub type OpenSink = Box<dyn FnMut() -> Result<SinkRunner> + Send>;

/// A sink that is to be started.
pub struct SinkStart {
    /// Which one.
    pub spec: SinkSpec,
    /// Its name, as its positions are kept under: it is counted before it is open.
    pub name: String,
    /// What runs it, when it is open already.
    pub runner: Option<SinkRunner>,
    /// Opens it when it is not, and again after it has failed. `None`: it ends when it fails, and
    /// whoever waits for it learns that.
    pub open: Option<OpenSink>,
}

/// How a sink ended.
#[derive(Debug)]
pub struct SinkEnd {
    /// Which one.
    pub spec: SinkSpec,
    /// How.
    pub outcome: SinkOutcome,
}

/// How a sink ended.
#[derive(Debug)]
pub enum SinkOutcome {
    /// It did what was ordered.
    Finished,
    /// It stopped with an error. Rows not synced by then come again after a restart.
    Failed(Error),
    /// It hangs in a call, as on a pipe that no one reads, and was left running: its thread cannot
    /// be ended. Everything is committed, and a sink that keeps a position recovers from it.
    Abandoned,
}

impl SinkThreads {
    /// Starts all. One that fails or panics calls `on_failure`, from its own thread: rows still go
    /// to the result topic, but somebody must learn that nobody shows them. One that can be opened
    /// again does not: what it failed of is said, and it is opened again from time to time. While
    /// `hold` is set, they write nothing.
    #[must_use]
    pub fn start(
        starts: Vec<SinkStart>,
        hold: &SinkHold,
        on_failure: &Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let start = |start: SinkStart| {
            let stop = Arc::new(SinkStop::held_by(hold.clone()));
            let (order, on_failure) = (Arc::clone(&stop), Arc::clone(on_failure));
            let metrics = match &start.runner {
                Some(runner) => runner.metrics(),
                None => Arc::new(SinkMetrics::of(&start.name)),
            };
            let (spec, counts) = (start.spec.clone(), Arc::clone(&metrics));
            let thread = thread::spawn(move || {
                let is_alone = start.open.is_none();
                let outcome = catch_unwind(AssertUnwindSafe(|| run(start, &order, &counts)));
                if outcome.is_err() || is_alone && !matches!(outcome, Ok(Ok(()))) {
                    on_failure();
                }
                outcome
            });
            Running { spec, stop, metrics, thread }
        };
        SinkThreads { running: starts.into_iter().map(start).collect() }
    }

    /// What each has done so far.
    pub fn metrics(&self) -> impl Iterator<Item = (&SinkSpec, &Arc<SinkMetrics>)> {
        self.running.iter().map(|sink| (&sink.spec, &sink.metrics))
    }

    /// Orders each to end once it has shown what is committed now.
    ///
    /// # Errors
    /// As [`JobStore::view`].
    pub fn finish_committed(&self, store: &dyn JobStore) -> seismic_queue::Result<()> {
        // As committed: a log may extend beyond the last row.
        let view = store.view()?;
        for sink in &self.running {
            // One whose source the job does not have was not opened.
            let output = source::output_of(&sink.spec, &view.job).unwrap_or(0);
            sink.stop.after(view.spans_of(output));
        }
        Ok(())
    }

    /// Orders each to end after a last sync.
    pub fn stop(&self) {
        self.running.iter().for_each(|sink| sink.stop.stop());
    }

    /// Waits until all have ended, and returns how: for as long as that takes, but once
    /// `is_hurried` says so only for [`limits::STOP_PATIENCE`] more. Then each is ordered to stop,
    /// and after as long again those that hang are abandoned.
    ///
    /// # Panics
    /// With the panic of a sink's thread.
    pub fn join(mut self, is_hurried: &dyn Fn() -> bool) -> Vec<SinkEnd> {
        let mut hurried: Option<Instant> = None;
        std::mem::take(&mut self.running)
            .into_iter()
            .map(|sink| {
                while !sink.thread.is_finished() {
                    if is_hurried() {
                        let waited = hurried.get_or_insert_with(Instant::now).elapsed();
                        if waited > 2 * limits::STOP_PATIENCE {
                            return SinkEnd { spec: sink.spec, outcome: SinkOutcome::Abandoned };
                        }
                        if waited > limits::STOP_PATIENCE {
                            sink.stop.stop();
                        }
                    }
                    thread::sleep(LOOK_EVERY);
                }
                let ended = sink.thread.join().and_then(|ended| ended);
                let outcome = match ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic)) {
                    Ok(()) => SinkOutcome::Finished,
                    Err(error) => SinkOutcome::Failed(error),
                };
                SinkEnd { spec: sink.spec, outcome }
            })
            .collect()
    }
}

/// Runs a sink to its end. One that can be opened again ends early only when it fails while what is
/// committed is to be shown once more. Where another one has its place it waits for that one's end:
/// its lock and its position keep two from writing, and whoever lost its connection to a server
/// that restarted, or failed over, continues from the position that the server has.
fn run(start: SinkStart, stop: &SinkStop, metrics: &Arc<SinkMetrics>) -> Result<()> {
    let SinkStart { spec, mut runner, open, .. } = start;
    let Some(mut open) = open else {
        return runner.map_or(Ok(()), |mut runner| runner.run(stop));
    };
    let mut told = String::new();
    loop {
        while runner.is_none() && stop.is_held() && matches!(stop.order(), Order::Run) {
            stop.pause(limits::HELD_LOOK);
        }
        let opened = match runner.take() {
            Some(runner) => Ok(runner),
            None => open().map(|runner| runner.counting(metrics)),
        };
        // A runner counts its failures itself.
        let opened = opened.inspect_err(|error| metrics.failed(error));
        let (begun, flushes) = (Instant::now(), metrics.snapshot().flushes);
        let Err(error) = opened.and_then(|mut runner| runner.run(stop)) else { return Ok(()) };
        let has_worked = metrics.snapshot().flushes > flushes;
        if has_worked || begun.elapsed() > limits::OPEN_AGAIN_EVERY {
            // What comes again after it worked is news.
            told.clear();
        }
        let passes = error.kind() == Kind::Retry;
        let is_over = match stop.order() {
            Order::Run => false,
            Order::After(_) => !passes,
            Order::Stop => true,
        };
        if is_over {
            // A server that is down now is no failure of a stop: the rows come after it.
            return if passes { Ok(()) } else { Err(error) };
        }
        let words = error.to_string();
        if words != told {
            tracing::error!(
                sink = spec.shown(), %error,
                "sink does not work; the job continues, and the sink is opened again"
            );
            told = words;
        }
        metrics.retried();
        stop.pause(if passes { *limits::PAUSES.end() } else { limits::OPEN_AGAIN_EVERY });
    }
}

impl Drop for SinkThreads {
    /// Whatever ends the job early must not leave sinks that write on.
    fn drop(&mut self) {
        self.stop();
    }
}
