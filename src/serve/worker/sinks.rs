//! The process of a job's sinks: it reads what the workers commit, and takes no lease of the job.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{Error, JobStore, Span, Topic, patiently, sleep};
use seismic_sinks::{Context, SinkHold, SinkMetrics, SinkThreads};

use super::listen::Obeys;
use super::report::Report;
use crate::cli::exit::Outcome;
use crate::job::location::Location;
use crate::job::{JobSpec, StopToken, sinks};
use crate::logs::SERVICE;
use crate::status::numbers::JobNumbers;
use crate::status::sink_lags::{self, SinkLags};

/// How often it looks for a job that has not made its store yet.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How soon a stop is noticed.
const STOP_LOOK: Duration = Duration::from_millis(50);

/// How often the store is asked what is not written, if that may have changed.
const LAGS_EVERY: Duration = Duration::from_secs(5);

/// How often it logs how far it is.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// What the process knows of itself, and what it was told.
#[derive(Default)]
pub struct SinksProcess {
    state: Mutex<&'static str>,
    hold: SinkHold,
    is_paused: AtomicBool,
    is_slowed: AtomicBool,
    is_finishing: AtomicBool,
    sinks: Mutex<Vec<Arc<SinkMetrics>>>,
    lags: Mutex<SinkLags>,
}

impl Obeys for SinksProcess {
    /// Its job reads nothing then, and it writes what is committed.
    fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }

    fn slow(&self, is_slowed: bool) {
        self.is_slowed.store(is_slowed, Ordering::Relaxed);
    }

    fn hold_sinks(&self, are_held: bool) -> bool {
        self.hold.set(are_held);
        true
    }

    /// It has none.
    fn set_slots(&self, _: usize) {}

    fn finish(&self) {
        self.is_finishing.store(true, Ordering::Relaxed);
    }

    fn report(&self) -> Report {
        let mut numbers = self.numbers();
        sink_lags::put_into(&mut numbers, &lock(&self.lags));
        Report {
            state: (*lock(&self.state)).to_owned(),
            is_paused: self.is_paused.load(Ordering::Relaxed),
            is_slowed: self.is_slowed.load(Ordering::Relaxed),
            holds_sinks: self.hold.is_set(),
            slots: 0,
            numbers,
        }
    }
}

impl SinksProcess {
    /// One that has opened nothing yet.
    #[must_use]
    pub fn new(are_held: bool, is_paused: bool) -> SinksProcess {
        let process = SinksProcess { state: Mutex::new("starting"), ..SinksProcess::default() };
        process.hold.set(are_held);
        process.pause(is_paused);
        process
    }

    /// Runs the sinks of the job until they are stopped or have shown all that there will be.
    ///
    /// # Errors
    /// Why one of them could not be opened or failed; the others have written what was committed by
    /// then, as far as there was time.
    pub fn run(
        self: &Arc<Self>,
        name: &str,
        spec: &JobSpec,
        stop: &StopToken,
    ) -> anyhow::Result<Outcome> {
        let location = spec.location();
        let Some((store, context)) = find(&location, stop)? else { return Ok(Outcome::Fine) };
        let topic = store.topics().topic(&context.topic)?;
        let starts = match sinks::open_all(&store, spec, context, None, stop) {
            // Stopped while it waited for what a sink needs: nothing was begun.
            Err(_) if stop.is_stopped() => return Ok(Outcome::Fine),
            starts => starts?,
        };
        // One that fails ends all, after they have written what is committed.
        let failed = Arc::new(AtomicBool::new(false));
        let of_sinks = Arc::clone(&failed);
        let on_failure: Arc<dyn Fn() + Send + Sync> =
            Arc::new(move || of_sinks.store(true, Ordering::Relaxed));
        let threads = SinkThreads::start(starts, &self.hold, &on_failure);
        *lock(&self.sinks) = threads.metrics().map(|(_, counts)| Arc::clone(counts)).collect();
        self.set(name, "running");
        self.keep_lags(location, Arc::clone(&store), topic)?;
        let mut told = Instant::now();
        let is_finishing = || self.is_finishing.load(Ordering::Relaxed);
        let is_hurried = || stop.is_stopped() || failed.load(Ordering::Relaxed);
        while !is_hurried() && !is_finishing() {
            sleep(STOP_LOOK, stop.flag());
            if told.elapsed() >= TELL_EVERY {
                told = Instant::now();
                self.tell(name);
            }
        }
        self.set(name, "draining");
        let ordered = patiently(stop.flag(), || threads.finish_committed(&*store));
        let ends = threads.join(&|| ordered.is_err() || is_hurried());
        sinks::outcome(ends, &|text| tracing::warn!("{text}"))?;
        ordered?;
        self.set(name, "stopped");
        Ok(Outcome::Fine)
    }

    fn set(&self, name: &str, state: &'static str) {
        *lock(&self.state) = state;
        tracing::info!(target: SERVICE, "the sinks of job {name} are {state}");
    }

    fn numbers(&self) -> JobNumbers {
        let all: Vec<_> = lock(&self.sinks).iter().map(|counts| counts.snapshot()).collect();
        JobNumbers::of_sinks(&all)
    }

    fn tell(&self, name: &str) {
        let mut numbers = self.numbers();
        sink_lags::put_into(&mut numbers, &lock(&self.lags));
        for sink in &numbers.sinks {
            let lag = sink.lag_rows.map_or("an unknown number of".to_owned(), |it| it.to_string());
            tracing::info!(
                target: SERVICE,
                "job {name}: sink {} has written {} rows, {lag} rows wait, {} errors, {} MiB",
                sink.sink, sink.rows, sink.errors, numbers.memory_bytes >> 20
            );
        }
    }

    /// Asks the store again and again what is not written, on a thread of its own. Once everything
    /// is, only the ends of the topic are asked for until something is committed or written. The
    /// store learns of a position after the rows are counted here, so what waited is asked for again.
    fn keep_lags(
        self: &Arc<Self>,
        location: Location,
        store: Arc<dyn JobStore>,
        topic: Topic,
    ) -> std::io::Result<()> {
        let process = Arc::clone(self);
        let mut seen: Option<(Vec<Span>, u64)> = None;
        let mut look = move || -> seismic_queue::Result<()> {
            let rows = process.numbers().sinks.iter().map(|sink| sink.rows).sum();
            let now = (store.topics().spans(&topic)?, rows);
            let waits = lock(&process.lags).iter().any(|(_, rows)| *rows > 0);
            if seen.as_ref() != Some(&now) || waits && !process.hold.is_set() {
                *lock(&process.lags) = sink_lags::ask(&location)?;
                seen = Some(now);
            }
            Ok(())
        };
        let ask = move || {
            loop {
                if let Err(error) = look() {
                    tracing::debug!("what sinks have not written is not known: {error}");
                }
                thread::sleep(LAGS_EVERY);
            }
        };
        thread::Builder::new().name("lags".to_owned()).spawn(ask).map(drop)
    }
}

/// The store, and whose rows the sinks show. It waits until a worker has made them; `None` when it
/// was stopped meanwhile.
fn find(
    location: &Location,
    stop: &StopToken,
) -> anyhow::Result<Option<(Arc<dyn JobStore>, Context)>> {
    let store = match patiently(stop.flag(), || location.open_store()) {
        Err(_) if stop.is_stopped() => return Ok(None),
        opened => Arc::<dyn JobStore>::from(opened?),
    };
    let found = || {
        let view = store.view()?;
        let topic = view.job.main_topic();
        store.topics().topic(topic)?;
        Ok(Context::new(&view.id, topic))
    };
    while !stop.is_stopped() {
        match patiently(stop.flag(), found) {
            Err(Error::StoreMissing { .. } | Error::TopicMissing { .. }) => {}
            Err(_) if stop.is_stopped() => return Ok(None),
            context => {
                let context = context?.at(location.queue.0.clone(), Arc::clone(&store));
                return Ok(Some((store, context)));
            }
        }
        sleep(LOOK_EVERY, stop.flag());
    }
    Ok(None)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
