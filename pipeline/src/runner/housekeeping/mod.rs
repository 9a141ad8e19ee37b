//! Housekeeping of a running job: holds the log that recovery still needs, applies retention,
//! prunes the journal, and reads checkpoint requests.
#![allow(clippy::disallowed_methods, reason = "shell: waiting is its job")]

pub(crate) mod checkpoint_requests;
pub(crate) mod file_watch;
pub(crate) mod retention_lag;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{
    CheckpointInfo, Class, Job, JobStore, Kind, Offset, Partition, PartitionView, Queue, Topic,
    View,
};

use crate::engine::journal::{Entry, beginning};
use crate::runner::first_step::FirstStep;
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::housekeeping::retention_lag::RetentionLag;
use crate::runner::job::JobContext;
use crate::{Error, Result, failpoints, limits};

/// How often. Retention is a matter of minutes; holding the log follows the checkpoints closely
/// enough that a policy by size is kept.
const EVERY: Duration = Duration::from_secs(10);

/// How often where workers share a job. Every worker does it, it asks for the state of every group,
/// and brokers free whole segments only.
const SHARED_EVERY: Duration = Duration::from_secs(600);

/// Does the housekeeping and reads checkpoint requests until `is_over`. Failures are logged and
/// retried: nothing here affects results.
pub(crate) fn housekeep_while_running(
    job: JobContext<'_>,
    checkpoint_requests: &CheckpointRequests,
    is_over: &AtomicBool,
) {
    let mut kept: Option<Instant> = None;
    let mut alarms = Alarms::default();
    while !is_over.load(Ordering::Relaxed) {
        if kept.is_none_or(|kept| kept.elapsed() >= EVERY) {
            warn_unless_busy(housekeep_once(job));
            warn_unless_busy(alarms.raise(job));
            kept = Some(Instant::now());
        }
        refresh_requests(job, checkpoint_requests);
        thread::park_timeout(limits::SAVE_ASKED_EVERY);
    }
}

/// Lets the store delete what no one needs, now and then until `is_over`, and reads checkpoint
/// requests. Where workers share a job, the brokers do the rest.
pub(crate) fn housekeep_shared_job(
    job: JobContext<'_>,
    first_step: Option<&FirstStep<'_>>,
    checkpoint_requests: &CheckpointRequests,
    is_over: &AtomicBool,
) {
    let mut kept = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        let is_asked_for = failpoints::pass(failpoints::HOUSEKEEPING_DUE).is_err();
        if is_asked_for || kept.elapsed() >= SHARED_EVERY {
            warn_unless_busy(job.lease.housekeep().map_err(Error::from));
            warn_unless_busy(first_step.map_or(Ok(()), |first_step| first_step.let_go(job)));
            kept = Instant::now();
        }
        refresh_requests(job, checkpoint_requests);
        thread::park_timeout(limits::SHARED_SAVE_ASKED_EVERY);
    }
}

fn refresh_requests(job: JobContext<'_>, checkpoint_requests: &CheckpointRequests) {
    if let Err(error) = checkpoint_requests.refresh(job.store) {
        tracing::debug!("reading the checkpoint requests: {error}");
    }
}

/// Tells of a failure, unless it is only that someone else is writing: the next time is soon.
fn warn_unless_busy(outcome: Result<()>) {
    match outcome {
        Err(error) if error.kind() != Kind::Retry => {
            tracing::warn!("retention: {error}; retrying");
        }
        _ => {}
    }
}

/// Holds the log, applies retention and prunes the journal once.
///
/// # Errors
/// When queue or store fail; it may be retried.
pub fn housekeep_once(job: JobContext<'_>) -> Result<()> {
    let JobContext { queue, store, lease, .. } = job;
    hold_log_now(queue, store, job.job)?;
    job.job.inputs.iter().try_for_each(|input| retain(queue, input))?;
    for topic in job.job.topics() {
        retain(store.topics(), &store.topics().topic(topic)?)?;
    }
    let view = store.view()?;
    let firsts = firsts(queue, job.job)?;
    for (partition, part) in job.job.input().all().zip(&view.partitions) {
        // Verify begins at the log's head or at the oldest checkpoint; entries before both are
        // of no use to anyone.
        if let Some(needed) = needed_from(store, job.job, partition, part)? {
            let firsts = firsts.iter().map(|firsts| firsts[partition.0 as usize]);
            let head = head(store, partition, part, firsts.collect(), &needed)?;
            lease.prune_journal(partition, head)?;
        }
    }
    Ok(())
}

/// The first offset of each partition, input by input.
fn firsts(queue: &dyn Queue, job: &Job) -> seismic_queue::Result<Vec<Vec<Offset>>> {
    let firsts = |input| Ok(queue.spans(input)?.iter().map(|span| span.first).collect());
    job.inputs.iter().map(firsts).collect()
}

/// The position before which the journal is of no use: that of what recovery may need, or, where a
/// proof can begin earlier, that one. With several inputs it can only begin where the job did, or
/// at a checkpoint.
fn head(
    store: &dyn JobStore,
    partition: Partition,
    part: &PartitionView,
    firsts: Vec<Offset>,
    needed: &[Offset],
) -> Result<Offset> {
    if let ([first], [needed]) = (&*firsts, needed) {
        return Ok(*first.min(needed));
    }
    let sum = |of: &[Offset]| Offset(of.iter().map(|offset| offset.0).sum());
    let checkpoints = part.checkpoints.iter().map(|info| info.manifest.positions().collect());
    let may_begin = checkpoints.chain(began(store, partition, part)?);
    let is_there = |at: &Vec<Offset>| at.iter().zip(&firsts).all(|(at, first)| at >= first);
    let earliest = may_begin.filter(is_there).map(|at| sum(&at)).min();
    Ok(earliest.map_or(sum(needed), |earliest| earliest.min(sum(needed))))
}

/// Where a task with several inputs began, as its journal says, if it still does.
fn began(
    store: &dyn JobStore,
    partition: Partition,
    part: &PartitionView,
) -> Result<Option<Vec<Offset>>> {
    let Range { start, end } = part.journal;
    let Some(first) = store.journal(partition, start..end.min(start + 1))?.into_iter().next()
    else {
        return Ok(None);
    };
    let sequence = first.sequence;
    let damaged = |source| Error::Entry { partition, sequence, source };
    Ok(match Entry::decode(&first.bytes).map_err(damaged)? {
        Entry::Start { further, .. } => beginning(first.at, &further),
        _ => None,
    })
}

/// Tells the queue which messages the job's checkpoints still need. An older hold is no harm: it
/// only keeps more of the log.
pub fn hold_log(queue: &dyn Queue, store: &dyn JobStore, job: &Job) {
    warn_unless_busy(hold_log_now(queue, store, job).map_err(Error::from));
}

/// As [`hold_log`], with its failure: a job that has not begun must not lose what it begins with.
pub(crate) fn hold_log_now(
    queue: &dyn Queue,
    store: &dyn JobStore,
    job: &Job,
) -> seismic_queue::Result<()> {
    // One that has not begun yet may be about to begin anywhere in what is there.
    let firsts = firsts(queue, job)?;
    hold(queue, store, job, |own, place| match own {
        Some(own) => own.to_vec(),
        None => firsts.iter().map(|firsts| firsts[place]).collect(),
    })
}

/// As [`hold_log_now`], but at least from these offsets on: for each partition one of each input.
pub(crate) fn hold_log_from(
    queue: &dyn Queue,
    store: &dyn JobStore,
    job: &Job,
    from: &[Vec<Offset>],
) -> seismic_queue::Result<()> {
    hold(queue, store, job, |own, place| match own {
        Some(own) => own.iter().zip(&from[place]).map(|(own, from)| *own.min(from)).collect(),
        None => from[place].clone(),
    })
}

/// Holds each input from where `needed` says, given what recovery of a partition may need and the
/// place of the partition.
fn hold(
    queue: &dyn Queue,
    store: &dyn JobStore,
    job: &Job,
    needed: impl Fn(Option<&[Offset]>, usize) -> Vec<Offset>,
) -> seismic_queue::Result<()> {
    let view = store.view()?;
    let mut held: Vec<Vec<(Partition, Offset)>> = vec![Vec::new(); job.inputs.len()];
    for (partition, part) in job.input().all().zip(&view.partitions) {
        let own = needed_from(store, job, partition, part)?;
        let of_inputs = needed(own.as_deref(), partition.0 as usize);
        for (held, offset) in held.iter_mut().zip(of_inputs) {
            held.push((partition, offset));
        }
    }
    let holder = holder(job, &view);
    job.inputs.iter().zip(held).try_for_each(|(input, held)| queue.hold(input, &holder, &held))
}

/// Releases the log for a job whose first start was refused: the store has no position in it.
pub(crate) fn release_unless_begun(queue: &dyn Queue, store: &dyn JobStore, job: &Job) {
    let release = || {
        let view = store.view()?;
        if view.partitions.iter().any(|part| part.progress.is_some()) {
            return Ok(());
        }
        let holder = holder(job, &view);
        job.inputs.iter().try_for_each(|input| queue.hold(input, &holder, &[]))
    };
    warn_unless_busy(release().map_err(Error::from));
}

/// Who holds the log: the group and its store, since two stores of one group are two jobs.
fn holder(job: &Job, view: &View) -> String {
    format!("{} ({})", job.group, view.id)
}

/// First offset of each input that recovery may need: that of the oldest of the newest checkpoints,
/// or of the journal's start. Older ones are kept for people, and hold nothing.
fn needed_from(
    store: &dyn JobStore,
    job: &Job,
    partition: Partition,
    part: &PartitionView,
) -> seismic_queue::Result<Option<Vec<Offset>>> {
    let newest = |info: &&CheckpointInfo| info.class == Some(Class::Newest);
    if let Some(oldest) = part.checkpoints.iter().find(newest) {
        return Ok(Some(oldest.manifest.positions().collect()));
    }
    let Range { start, end } = part.journal;
    let first = store.journal(partition, start..end.min(start + 1))?;
    Ok(first.first().map(|entry| match Entry::decode(&entry.bytes) {
        Ok(Entry::Start { further, .. }) if job.inputs.len() > 1 => {
            beginning(entry.at, &further).unwrap_or_default()
        }
        _ => vec![entry.at],
    }))
}

/// Applies the topic's retention policy.
fn retain(queue: &dyn Queue, topic: &Topic) -> Result<()> {
    for done in queue.retain(topic, false)? {
        if done.deleted > 0 {
            let (partition, deleted) = (done.partition.0, done.deleted);
            tracing::info!(topic = topic.name, partition, deleted, "retention");
        }
    }
    Ok(())
}

/// Retention lags that were logged, and when each was logged last.
#[derive(Default)]
struct Alarms {
    logged: BTreeMap<(String, String), Instant>,
}

impl Alarms {
    /// Warns of everyone who keeps much more of the job's topics than their policies would.
    fn raise(&mut self, job: JobContext<'_>) -> Result<()> {
        let JobContext { queue, store, .. } = job;
        let mut lags = Vec::new();
        for input in &job.job.inputs {
            lags.extend(RetentionLag::of(queue, input, false)?);
        }
        for topic in job.job.topics() {
            lags.extend(RetentionLag::of(store.topics(), &store.topics().topic(topic)?, true)?);
        }
        for one in lags {
            let logged = self.logged.get(&(one.topic.clone(), one.holder.clone()));
            if logged.is_none_or(|at| at.elapsed() >= limits::PINNED_TOLD_EVERY) {
                tracing::warn!(
                    "{one}; let it catch up, or release its hold if it no longer exists"
                );
                self.logged.insert((one.topic, one.holder), Instant::now());
            }
        }
        Ok(())
    }
}
