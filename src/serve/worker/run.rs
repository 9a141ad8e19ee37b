//! Runs a worker process, from its order to its last words.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;
use rustix::process::setsid;
use seismic_queue::Kind;

use super::folder::WorkerFolder;
use super::identity::Identity;
use super::limit::{self, limit_memory};
use super::listen::{Obeys, Subject, listen};
use super::logs::RollingLog;
use super::order::Begin;
use super::report::Report;
use super::sinks::SinksProcess;
use super::throttle::Throttle;
use crate::cli::exit::{self, Outcome};
use crate::cli::signal;
use crate::error::kind;
use crate::http::model::JobEntry;
use crate::job::location::Location;
use crate::job::{Job, JobObserver, StopToken};
use crate::logs::{self, LogOptions};
use crate::remedy::in_one_line;
use crate::serve::life::ending::LastWords;
use crate::status::sink_lags::{self, SinkLags};
use crate::watch::Journal;

/// How often the store is asked what sinks have not written, if that may have changed.
const LAGS_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// How often it is looked what is worth a line in the log.
const JOURNAL_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// How often the log is measured.
const ROLL_EVERY: std::time::Duration = std::time::Duration::from_secs(1);

/// Does what the order in `folder` says, and writes down how it ended.
///
/// # Errors
/// Why the job failed, which is in the last words too.
pub fn run(folder: &Path) -> anyhow::Result<Outcome> {
    let folder = WorkerFolder::at(folder.to_owned());
    // It may be the first of its group already, when it was started by a shell.
    let _ = setsid();
    let _lock = folder.lock().context("another worker of this job is running")?;
    let identity = Identity::of_this_process()?;
    // At once: a server that comes while the job opens takes it over, and an early end has its
    // last words, too.
    folder.write_identity(&identity).context("writing who this worker is")?;
    let outcome = work(&folder, &identity);
    let code = exit::number(&outcome);
    let error = outcome.as_ref().err();
    let is_final = error
        .and_then(kind)
        .is_some_and(|kind| matches!(kind, Kind::Config | Kind::Fenced | Kind::Data));
    let words = LastWords { code: code.into(), reason: error.map(in_one_line), is_final };
    if let Err(error) = folder.write_last_words(&identity, &words) {
        tracing::warn!("the last words could not be written: {error}");
    }
    outcome
}

fn work(folder: &WorkerFolder, identity: &Identity) -> anyhow::Result<Outcome> {
    let stop = StopToken::new();
    signal::stop_on_signals(&stop)?;
    let order = folder.order().context("reading the order")?;
    let (mut spec, service) = order.job.resolve()?;
    order.begin.apply(&mut spec)?;
    if order.begin != Begin::default() {
        spec.once.begun = Some(folder.begun());
    }
    logs::set_up(&LogOptions { log_format: service.logs.format, ..LogOptions::default() })?;
    let log = RollingLog::new(folder.log(), service.logs.max_bytes, service.logs.files);
    thread::Builder::new().name("log".to_owned()).spawn(move || {
        loop {
            if let Err(error) = log.roll() {
                tracing::warn!("the log could not be replaced: {error}");
            }
            thread::sleep(ROLL_EVERY);
        }
    })?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    order.fit(&mut spec, &service, cores);
    if let Err(error) = limit::stand_back(service.priority) {
        tracing::warn!("its priority does not hold while it works: {error}");
    }
    if !order.has_cgroup {
        if let Err(error) = limit_memory(&service.resources) {
            tracing::warn!("[resources] memory_mb does not hold: {error}");
        }
        spec.slots = limit::slots(&service.resources, spec.slots, cores).or(spec.slots);
    }
    if order.is_of_sinks() {
        let work = Arc::new(SinksProcess::new(order.holds_sinks, order.is_paused));
        let listener = folder.listen().context("listening on the socket")?;
        let (identity, of_listener) = (identity.clone(), Arc::clone(&work) as Arc<dyn Obeys>);
        listen(listener, Subject { identity, stop: stop.clone(), work: of_listener })?;
        let name = order.name.split('/').next().unwrap_or_default();
        return work.run(name, &spec, &stop);
    }
    let slots = spec.slots.unwrap_or(cores);
    let location = spec.location();
    let job = Job::new(spec).stopped_by(stop.clone());
    let job = job.paused(order.is_paused).sinks_held(order.holds_sinks).spawn()?;
    let observer = job.observer();
    let throttle = Throttle::start(job.observer(), order.is_paused)?;
    let lags = Arc::new(Mutex::new(SinkLags::new()));
    ask_for_lags(location, job.observer(), Arc::clone(&lags))?;
    keep_journal(order.name, job.observer(), throttle.clone())?;
    let listener = folder.listen().context("listening on the socket")?;
    let (identity, slots) = (identity.clone(), slots as u64);
    let work = Arc::new(JobProcess { job: observer, throttle, lags, slots });
    listen(listener, Subject { identity, stop, work })?;
    job.join().map(|_| Outcome::Fine)
}

/// A worker's job as its server sees it.
struct JobProcess {
    job: JobObserver,
    throttle: Throttle,
    lags: Arc<Mutex<SinkLags>>,
    /// Those of its start.
    slots: u64,
}

impl Obeys for JobProcess {
    fn pause(&self, is_paused: bool) {
        self.throttle.pause(is_paused);
    }

    fn slow(&self, is_slowed: bool) {
        self.throttle.slow(is_slowed);
    }

    fn hold_sinks(&self, are_held: bool) -> bool {
        self.job.hold_sinks(are_held);
        !self.job.numbers().sinks.is_empty()
    }

    fn set_slots(&self, slots: usize) {
        self.job.set_slots(slots);
    }

    /// It knows itself when its work is done.
    fn finish(&self) {}

    fn report(&self) -> Report {
        let lags = self.lags.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (is_paused, is_slowed) = (self.throttle.is_paused(), self.throttle.is_slowed());
        let slots = self.job.slots().map_or(self.slots, |slots| slots as u64);
        Report { is_paused, is_slowed, ..Report::of(&self.job, slots, &lags) }
    }
}

/// Logs partitions that come and go, checkpoints that do not come, and once a minute how it goes, as
/// `seismic run` does.
fn keep_journal(name: String, job: JobObserver, throttle: Throttle) -> std::io::Result<()> {
    let mut journal = Journal::default();
    let look = move || {
        loop {
            let state = if throttle.is_paused() { "paused" } else { job.state().name() };
            let (name, state) = (name.clone(), state.to_owned());
            journal.tell(&JobEntry { name, state, numbers: job.numbers(), ..JobEntry::default() });
            thread::sleep(JOURNAL_EVERY);
        }
    };
    thread::Builder::new().name("journal".to_owned()).spawn(look).map(drop)
}

/// Asks the store again and again what sinks have not written, on a thread of its own: an answer on
/// the socket waits for no broker.
fn ask_for_lags(
    location: Location,
    job: JobObserver,
    lags: Arc<Mutex<SinkLags>>,
) -> std::io::Result<()> {
    let mut seen = None;
    let mut look = move || {
        let numbers = job.numbers();
        let rows: u64 = numbers.sinks.iter().map(|sink| sink.rows).sum();
        // Nothing has changed of a job that is frozen. The store learns of a position after the rows
        // are counted here, so what waited is asked for again.
        let now = (numbers.commits, rows);
        let known = lags.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = known.iter().any(|(_, rows)| *rows > 0) && !job.holds_sinks();
        drop(known);
        if numbers.sinks.is_empty() || numbers.commits == 0 || seen == Some(now) && !waits {
            return;
        }
        match sink_lags::ask(&location) {
            Ok(new) => {
                seen = Some(now);
                *lags.lock().unwrap_or_else(PoisonError::into_inner) = new;
            }
            Err(error) => tracing::debug!("what sinks have not written is not known: {error}"),
        }
    };
    let ask = move || {
        loop {
            look();
            thread::sleep(LAGS_EVERY);
        }
    };
    thread::Builder::new().name("lags".to_owned()).spawn(ask).map(drop)
}
