//! Runs a job: spreads its partitions over slots and starts the housekeeping and the file watch.
#![allow(clippy::disallowed_methods, reason = "shell: threads and waiting are its job")]

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use seismic_queue::{
    AppendTimes, Committer, Error as QueueError, Kind, Lease, Member, Partition, Queue,
    SharedLease, Source, Topic, patiently, patiently_by,
};

use crate::runner::clock::{Clock, Monotonic};
use crate::runner::commit::committer_thread::CommitterThread;
use crate::runner::first_step::FirstStep;
use crate::runner::housekeeping;
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::housekeeping::file_watch;
use crate::runner::job::JobContext;
use crate::runner::metrics::Metrics;
use crate::runner::notices::hold_watch;
use crate::runner::notices::loss_watch::LossWatch;
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::pool::keeper::keep;
use crate::runner::pool::{Place, SlotPool};
use crate::runner::record_budget::RecordBudget;
use crate::runner::settings::{Finish, Settings};
use crate::runner::slot::Slot;
use crate::runner::slot::shared_job::SharedJob;
use crate::runner::slot::slot_context::SlotContext;
use crate::runner::start::{agree_on_start, begin, begin_in_all};
use crate::{Error, Result, limits};

/// Runs the job until `stop` is set, its bounded work is done, or it cannot continue.
///
/// When it returns, everything it did is committed with a snapshot (unless it returns an error:
/// then the next run repeats what was not), and nothing of it holds the store any more.
///
/// # Errors
/// Whatever [`Error`] says; its `kind` says what to do.
pub fn run(job: JobContext<'_>, stop: &Arc<AtomicBool>, metrics: &Metrics) -> Result<()> {
    run_behind(job, None, stop, metrics)
}

/// As [`run`], with the step before it when its input is the internal topic of a repartition.
///
/// # Errors
/// As [`run`].
pub fn run_behind(
    job: JobContext<'_>,
    first_step: Option<&FirstStep<'_>>,
    stop: &Arc<AtomicBool>,
    metrics: &Metrics,
) -> Result<()> {
    let JobContext { queue, store, lease, settings, .. } = job;
    let inputs = &*job.job.inputs;
    check(job, stop)?;
    let budget = RecordBudget::new(settings.max_records);
    let clock: &dyn Clock = &Monotonic::start();
    let spans = |topic: &Topic| Ok(patiently(stop, || queue.spans(topic))?);
    let open =
        |input: usize, partitions: &[Partition]| open(queue, (&inputs[input], partitions), stop);
    let worker = lease.shared();
    let (assignments, pool) = first_slots(job)?;
    let positions = || match worker {
        Some(worker) => Ok(patiently(stop, || worker.positions())?),
        None => Ok(Vec::new()),
    };
    let (mut shared, mut starts) = (None, Vec::new());
    if let Some(worker) = worker {
        starts = agree_on_start(job, worker, stop, metrics)?;
        let ends = |topic| Ok(spans(topic)?.iter().map(|span| span.end).collect());
        let targets = inputs.iter().map(ends).collect::<Result<_>>()?;
        let unplaced = AtomicUsize::new(assignments.len());
        let is_done = AtomicBool::new(false);
        shared = Some(SharedJob { targets, positions: &positions, unplaced, is_done });
    } else {
        begin_alone(job, stop, metrics)?;
    }
    let shared = shared.as_ref();
    let begin_at = |partition: Partition| {
        if starts.is_empty() {
            return begin_in_all(job, partition, stop);
        }
        let of_input = starts.chunks(job.job.partitions() as usize);
        Ok(of_input.map(|starts| starts[partition.0 as usize]).collect())
    };

    let (is_over, checkpoint_requests) = (AtomicBool::new(false), &CheckpointRequests::default());
    let spread = &SpreadWatch::new(job.kind.lateness_ms(), settings, job.job.input().partitions);
    let losses = &LossWatch::default();
    metrics.begin_run();
    let outcome = thread::scope(|scope| {
        let keeper = scope.spawn(|| match shared {
            None => housekeeping::housekeep_while_running(job, checkpoint_requests, &is_over),
            Some(_) => {
                housekeeping::housekeep_shared_job(job, first_step, checkpoint_requests, &is_over);
            }
        });
        let start = |assignment, place: Option<Place>| {
            let slot_job = SlotContext {
                inputs,
                queue,
                open: &open,
                kind: job.kind,
                settings,
                budget: &budget,
                metrics,
                stop,
                checkpoint_requests,
                spread,
                losses,
                clock,
                begin_at: &begin_at,
                spans: &spans,
                shared,
                first_step,
            };
            scope.spawn(move || run_slot(slot_job, &assignment, place, stop))
        };
        let place = |slot| pool.as_ref().map(|pool| pool.place(slot));
        let first = (0..).zip(assignments);
        let mut slots: Vec<_> = first.map(|(slot, it)| start(it, place(slot))).collect();
        let watch = scope.spawn(|| file_watch::stay_in_place(job, stop, &is_over));
        let holds = scope.spawn(|| hold_watch::watch(job, metrics, &is_over));
        let mut ended = Vec::new();
        if let Some(pool) = &pool {
            keep(pool, &settings.parallelism, |place| {
                // Those that left without a word are forgotten, however often that happens.
                ended.extend(take_ended(&mut slots).filter(|ended| !matches!(ended, Ok(Ok(())))));
                slots.push(start(Assignment::Fixed(lease, Vec::new()), Some(place)));
            });
        }
        ended.extend(slots.into_iter().map(ScopedJoinHandle::join));
        // What is left to do here may have to wait for brokers, and is not about what was read.
        if ended.iter().all(|ended| matches!(ended, Ok(Ok(())))) {
            metrics.settle_run();
        }
        // Before a panic is resumed: otherwise the scope would wait for the housekeeping forever.
        is_over.store(true, Ordering::Relaxed);
        keeper.thread().unpark();
        watch.thread().unpark();
        holds.thread().unpark();
        let unwind = |panic| std::panic::resume_unwind(panic);
        // A file that was taken away explains what else went wrong, so it comes first.
        let all = std::iter::once(watch.join()).chain(ended);
        first_of(all.map(|ended| ended.unwrap_or_else(unwind)))
    });
    outcome?;
    spread.finish(clock.now())?.iter().for_each(|notice| metrics.notice(notice));
    if shared.is_none() {
        housekeeping::hold_log(queue, store, job.job);
    }
    Ok(())
}

/// Refuses what cannot be run.
fn check(job: JobContext<'_>, stop: &Arc<AtomicBool>) -> Result<()> {
    match job.kind.faults(job.job) {
        faults if faults.is_empty() => check_append_times(job, stop),
        faults => Err(Error::Options(faults)),
    }
}

/// Begins a job that has all partitions, and keeps the log for it from before that.
fn begin_alone(job: JobContext<'_>, stop: &Arc<AtomicBool>, metrics: &Metrics) -> Result<()> {
    let JobContext { queue, store, .. } = job;
    patiently(stop, || housekeeping::hold_log_now(queue, store, job.job))?;
    begin(job, stop, metrics)
        .inspect_err(|_| housekeeping::release_unless_begun(queue, store, job.job))
}

/// What the slots work on with which it begins, and the pool where their number may change.
fn first_slots(job: JobContext<'_>) -> Result<(Vec<Assignment<'_>>, Option<Arc<SlotPool>>)> {
    let JobContext { lease, settings, .. } = job;
    // Partitions that are read in step are read by one slot, of all workers together.
    let is_aligned = job.kind.alignment().is_some();
    let is_live = !is_aligned && lease.shared().is_none() && !has_end(settings);
    let slots = match settings.parallelism.wanted().filter(|_| is_live) {
        Some(wanted) => wanted,
        None if is_aligned => 1,
        None => job.slots,
    };
    let assignments = assignments(job.job.input(), (slots, is_aligned), lease)?;
    settings.parallelism.runs(0);
    let (partitions, count) = (job.job.partitions(), assignments.len());
    let pool = is_live.then(|| SlotPool::new(partitions, count, &settings.parallelism));
    Ok((assignments, pool))
}

/// Whether a run ends on its own.
fn has_end(settings: &Settings) -> bool {
    settings.finish != Finish::Never || settings.max_records.is_some()
}

/// Takes the threads that have ended out of these, with how each did.
fn take_ended<'scope, T: 'scope>(
    slots: &mut Vec<ScopedJoinHandle<'scope, T>>,
) -> impl Iterator<Item = thread::Result<T>> + use<'scope, T> {
    let (over, working): (Vec<_>, Vec<_>) =
        std::mem::take(slots).into_iter().partition(ScopedJoinHandle::is_finished);
    *slots = working;
    over.into_iter().map(ScopedJoinHandle::join)
}

/// Refuses an input whose append times are those of its producers where results depend on them.
fn check_append_times(job: JobContext<'_>, stop: &Arc<AtomicBool>) -> Result<()> {
    for topic in &job.job.inputs {
        let times = patiently(stop, || job.queue.append_times(topic))?;
        if times == AppendTimes::Producers && job.kind.needs_append_times() {
            return Err(Error::ProducersTimes { topic: topic.name.clone() });
        }
    }
    Ok(())
}

/// The first error; the others are logged here, because the caller sees only one.
fn first_of(outcomes: impl Iterator<Item = Result<()>>) -> Result<()> {
    let mut errors = outcomes.filter_map(Result::err);
    let first = errors.next();
    for error in errors {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        tracing::error!("another slot has failed too: {error}{cause}");
    }
    first.map_or(Ok(()), Err)
}

/// What a slot works on, and the lease by which it commits.
enum Assignment<'a> {
    /// These partitions, for good.
    Fixed(&'a dyn Lease, Vec<Partition>),
    /// What the group gives to this member.
    Member(&'a dyn SharedLease, Member),
}

impl Assignment<'_> {
    fn source(&self, queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Box<dyn Source>> {
        match self {
            Assignment::Fixed(_, partitions) => queue.source(topic, partitions),
            Assignment::Member(_, member) => queue.member(topic, member),
        }
    }

    fn committer(&self) -> seismic_queue::Result<Box<dyn Committer>> {
        match self {
            Assignment::Fixed(lease, _) => lease.committer(),
            Assignment::Member(lease, member) => lease.committer_of(member),
        }
    }
}

/// What each slot works on: a fixed share of the partitions, or what a consumer group assigns.
fn assignments<'a>(
    topic: &Topic,
    (slots, takes_all): (usize, bool),
    lease: &'a dyn Lease,
) -> Result<Vec<Assignment<'a>>> {
    let slots = slots.clamp(1, topic.partitions as usize);
    let assignment = |slot| {
        Ok(match lease.shared() {
            Some(shared) => {
                Assignment::Member(shared, Member { takes_all, ..shared.member(slot, slots)? })
            }
            None => Assignment::Fixed(lease, topic.all().skip(slot).step_by(slots).collect()),
        })
    };
    (0..slots).map(assignment).collect()
}

/// What an error means where a topic was there when the run began: one that is not known now is not gone,
/// but whoever was asked has just come back, and is still to be told of it by brokers.
fn kind_of_known(error: &QueueError) -> Kind {
    match error {
        QueueError::TopicMissing { .. } => Kind::Retry,
        _ => error.kind(),
    }
}

/// Opens a source of a topic that was there when the run began.
fn open(
    queue: &dyn Queue,
    (topic, partitions): (&Topic, &[Partition]),
    stop: &AtomicBool,
) -> Result<Box<dyn Source>> {
    let asked = Instant::now();
    let kind = |error: &QueueError| match asked.elapsed() < limits::TOPIC_KNOWN_AGAIN {
        true => kind_of_known(error),
        false => error.kind(),
    };
    Ok(patiently_by(kind, stop, || queue.source(topic, partitions))?)
}

fn run_slot(
    job: SlotContext<'_>,
    assignment: &Assignment<'_>,
    place: Option<Place>,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    let work = || {
        let open = || assignment.source(job.queue, &job.inputs[0]);
        // Where others read the topic, they are told when it is gone for good, and stop this one, too.
        let source = match place {
            Some(_) => patiently_by(kind_of_known, stop, open)?,
            None => patiently(stop, open)?,
        };
        let committer = patiently(stop, || assignment.committer())?;
        let committer = CommitterThread::start(committer, Arc::clone(stop));
        Slot::new(job, source, Box::new(committer)).in_pool(place).run()
    };
    // A slot that dies takes the others down, so that a person or a supervisor sees it; they
    // commit what they have. The guard also covers a panic.
    struct StopOnFailure<'a> {
        stop: &'a AtomicBool,
        has_failed: bool,
    }
    impl Drop for StopOnFailure<'_> {
        fn drop(&mut self) {
            if self.has_failed {
                self.stop.store(true, Ordering::Relaxed);
            }
        }
    }
    let mut guard = StopOnFailure { stop, has_failed: true };
    let outcome = work();
    guard.has_failed = outcome.is_err();
    outcome
}
