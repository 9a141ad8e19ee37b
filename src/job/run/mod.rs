//! Runs one job from its spec to its end: opens queue, store and sinks, runs the pipeline, and lets
//! the sinks write committed rows.

mod rescale;
mod statement;
mod two_steps;
mod version;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use seismic_pipeline::{Finish, JobContext, OperatorKind};
use seismic_queue::{JobStore, Kind, Queue, Topic, patiently, patiently_by, sleep};
use seismic_sinks::{Context, SinkStart, SinkThreads};

use self::two_steps::{FirstJob, check_choice};
use super::build;
use super::location::Location;
use super::notify::Notify;
use super::origin::Origin;
use super::sinks;
use super::spec::JobSpec;
use super::spec::parallelism::too_many;
use super::state::{JobState, Shared};
use crate::error::{self, Usage};
use crate::remedy::{in_one_line, notice_with_remedy};
use crate::time::{now_ms, show_ms};

/// How often a job looks for its topic while there is none.
const TOPIC_EVERY: Duration = Duration::from_millis(100);

/// Runs the job until it is stopped or its bounded work is done; `false` when it was stopped before
/// it had begun.
pub(super) fn run(spec: &JobSpec, shared: &Shared, notify: &Notify) -> anyhow::Result<bool> {
    match run_until_over(spec, shared, notify) {
        // Stopped while it waited for something that was busy: nothing was begun.
        Err(error) if shared.stop.is_stopped() && error::kind(&error) == Some(Kind::Retry) => {
            Ok(false)
        }
        outcome => outcome,
    }
}

fn run_until_over(spec: &JobSpec, shared: &Shared, notify: &Notify) -> anyhow::Result<bool> {
    let stop = shared.stop.flag();
    let (location, mut rules, mut settings) = (spec.location(), spec.rules(), spec.settings());
    settings.pause = shared.pause.clone();
    settings.parallelism = shared.parallelism.clone();
    let (statement, functions) = statement::kind(spec)?.unzip();
    let opened = patiently(stop, || statement::open_input(&location, spec))?;
    let queue = opened.queue();
    let store = patiently(stop, || location.open_store_as(spec.slot.as_deref()))?;
    let store: Arc<dyn JobStore> = store.into();
    let Some((input, joined)) = find_topics(queue, spec, shared, notify)? else {
        return Ok(false);
    };
    if let Some(why) = spec.max_parallelism.and_then(|most| too_many(most, &input)) {
        return Err(Usage(format!("max_parallelism: {why}")).into());
    }
    check_choice(spec, &*store, stop)?;
    let first = match spec.repartition {
        true => Some(FirstJob::open(spec, &input, &shared.pause, stop)?),
        false => None,
    };
    let first_lease = first.as_ref().map(|first| first.acquire(stop)).transpose()?;
    let (windows_queue, input) = match first.as_ref().zip(first_lease.as_deref()) {
        Some((first, lease)) => {
            patiently(stop, || first.keep_as_input(queue, lease))?;
            // These are of what the first step reads; the second one computes all that comes of it.
            (settings.from, settings.max_records) = (None, None);
            if spec.is_bounded() && settings.finish == Finish::Never {
                settings.finish = Finish::CaughtUp;
            }
            (first.topics(), patiently(stop, || first.internal_topic())?)
        }
        None => (queue, input),
    };
    let mut job = match &statement {
        Some(kind) => statement::job(kind, spec, input, joined)?,
        None => build::job(spec, input),
    };
    let origin = origin(spec, &*store, &location, stop)?;
    let parent = origin.as_ref().and_then(Origin::parent);
    let tables = statement::tables(&store, origin.as_ref());
    let statement = statement.map(|kind| kind.with_tables(Arc::clone(&tables)));
    if statement.is_none() {
        version::keep((&mut rules, &mut job), &*store, parent, stop);
    }
    if spec.once.accept_partitions {
        rescale::accept((queue, &*store), (&job, &rules), &settings, &shared.stop, notify)?;
    }
    let lease = patiently(stop, || store.acquire(&job))?;
    if settings.from.is_some() && spec.once.was_begun() && has_progress(&*store, stop)? {
        // It has begun there when it was started the same way before.
        settings.from = None;
    }
    statement::keep_functions(&functions.unwrap_or_default(), &tables, stop)?;
    let keeper = statement::keep_tables(spec, (&tables, &store), shared, notify)?;
    if !spec.tables.is_empty() && keeper.is_none() {
        return Ok(false);
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let run_job = JobContext {
        queue: windows_queue,
        store: &*store,
        lease: &*lease,
        job: &job,
        slots: spec.slots.unwrap_or(cores),
        kind: statement.as_ref().map_or(&rules as &dyn OperatorKind, |kind| kind),
        settings: &settings,
    };
    if let Some(origin) = origin {
        origin.apply(run_job, &shared.stop)?;
    }
    spec.once.note_begun()?;
    let runners = match open_sinks(&store, spec, shared) {
        // Stopped while it waited for what a sink needs: nothing was begun.
        Err(_) if shared.stop.is_stopped() => return Ok(true),
        runners => runners?,
    };
    let threads = start_sinks(runners, shared);
    let counts = threads.metrics();
    shared.set_sinks(counts.map(|(sink, counts)| (sink.to_string(), Arc::clone(counts))).collect());
    shared.metrics.on_notice(|notice| tracing::warn!("{}", notice_with_remedy(notice)));
    // Not at the end, when no one may answer any more.
    let rest = store.rests_for().ok().flatten();
    shared.set(JobState::Running);
    let ran = match first.as_ref().zip(first_lease.as_deref()) {
        Some((first, lease)) => first.run_both((queue, lease), run_job, stop, &shared.metrics),
        None => seismic_pipeline::run(run_job, stop, &shared.metrics),
    };
    shared.set(JobState::Draining);
    drop(keeper);
    if let Some(rest) = rest {
        tell_rest(rest, &spec.group, notify);
    }
    let is_done = ran.is_ok() && !shared.stop.is_stopped();
    // All that is committed is shown when the work is done, else as much as a stop has time for.
    let ordered = patiently(stop, || threads.finish_committed(&*store));
    let ends = threads.join(&|| ordered.is_err() || !is_done || shared.stop.is_stopped());
    let shown = sinks::outcome(ends, notify);
    ran?;
    // A sink that has failed stops the job, and explains what else went wrong, so it comes first.
    shown.map_err(|error| match spec.is_bounded() && !is_done {
        // A closed pipe is no failure of a service, but this run was asked for all of it.
        true => CutShort(in_one_line(&error)).into(),
        false => error,
    })?;
    ordered?;
    Ok(true)
}

/// Tells how long the offsets of a group are kept on which no one works.
fn tell_rest(rest: Duration, group: &str, notify: &Notify) {
    let until_ms = now_ms().saturating_add(i64::try_from(rest.as_millis()).unwrap_or(i64::MAX));
    notify(&format_args!(
        "without workers the brokers keep the offsets of group {group} until {} \
         (offsets.retention.minutes); later, seismic group repair puts them back",
        show_ms(until_ms),
    ));
}

/// The checkpoint that the job is set to at this start, if it is.
fn origin<'a>(
    spec: &'a JobSpec,
    store: &dyn JobStore,
    location: &Location,
    stop: &AtomicBool,
) -> anyhow::Result<Option<Origin<'a>>> {
    let has_begun = match spec.once.only_first {
        true => has_progress(store, stop)?,
        false => spec.once.was_begun(),
    };
    if has_begun { Ok(None) } else { spec.once.open(location, stop) }
}

fn has_progress(store: &dyn JobStore, stop: &AtomicBool) -> seismic_queue::Result<bool> {
    match patiently(stop, || store.view()) {
        Ok(view) => Ok(view.partitions.iter().any(|part| part.progress.is_some())),
        Err(seismic_queue::Error::StoreMissing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens the sinks of this worker.
fn open_sinks(
    store: &Arc<dyn JobStore>,
    spec: &JobSpec,
    shared: &Shared,
) -> anyhow::Result<Vec<SinkStart>> {
    // A broker that is restarted in this moment is waited for.
    let of_store = || Context::of(&**store);
    let context = patiently_by(seismic_sinks::Error::kind, shared.stop.flag(), of_store)?;
    let context = context.at(spec.queue.0.clone(), Arc::clone(store));
    sinks::open_all(store, spec, context, Some(&shared.metrics), &shared.stop)
}

/// Starts the sinks. One that fails stops the job, unless it has a server of its own.
fn start_sinks(starts: Vec<SinkStart>, shared: &Shared) -> SinkThreads {
    let (stop, metrics) = (shared.stop.clone(), Arc::clone(&shared.metrics));
    let on_failure: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
        metrics.fail();
        stop.stop();
    });
    SinkThreads::start(starts, &shared.sink_hold, &on_failure)
}

/// The input topic, and the other one of a join; `None` when it was stopped meanwhile.
fn find_topics(
    queue: &dyn Queue,
    spec: &JobSpec,
    shared: &Shared,
    notify: &Notify,
) -> seismic_queue::Result<Option<(Topic, Option<Topic>)>> {
    let Some(input) = find_topic((queue, &spec.topic), spec, shared, notify)? else {
        return Ok(None);
    };
    let join = spec.statement.as_ref().and_then(|definition| definition.join.as_ref());
    let Some(join) = join else { return Ok(Some((input, None))) };
    let joined = find_topic((queue, &join.right.topic), spec, shared, notify)?;
    Ok(joined.map(|joined| (input, Some(joined))))
}

/// A topic that is read. A service waits until it is made; `None` when it was stopped meanwhile.
fn find_topic(
    (queue, name): (&dyn Queue, &str),
    spec: &JobSpec,
    shared: &Shared,
    notify: &Notify,
) -> seismic_queue::Result<Option<Topic>> {
    let mut is_reported = false;
    loop {
        match patiently(shared.stop.flag(), || queue.topic(name)) {
            Err(
                seismic_queue::Error::TopicMissing { .. }
                | seismic_queue::Error::StoreMissing { .. },
            ) if !spec.is_bounded() => {}
            found => return found.map(Some),
        }
        if !is_reported {
            notify(&format_args!("waiting for topic {name:?} in {}", queue.name()));
            is_reported = true;
        }
        if shared.stop.is_stopped() {
            return Ok(None);
        }
        sleep(TOPIC_EVERY, shared.stop.flag());
    }
}

/// A bounded run that a sink ended before its bound.
#[derive(Debug)]
struct CutShort(String);

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run was cut short: {}; the next run continues from there", self.0)
    }
}

impl std::error::Error for CutShort {}
