//! Housekeeping of a running job: holds the log that recovery still needs, applies retention, prunes
//! the journal, and reads checkpoint requests.
#![allow(clippy::disallowed_methods, reason = "shell: waiting is its job")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use seismic_queue::{
    CheckpointInfo, Class, Job, JobStore, Kind, Offset, Partition, PartitionView, Queue, Topic,
    View,
};

use crate::runner::checkpoint_requests::CheckpointRequests;
use crate::runner::job::JobContext;
use crate::runner::retention_lag::RetentionLag;
use crate::{Error, Result, limits};

/// How often. Retention is a matter of minutes; holding the log follows the checkpoints closely
/// enough that a policy by size is kept.
const EVERY: Duration = Duration::from_secs(10);

/// How often where workers share a job. Every worker does it, it asks for the state of every group, and
/// brokers free whole segments only.
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

/// Lets the store delete what nobody needs, now and then until `is_over`, and reads checkpoint
/// requests. Where workers share a job, the brokers do the rest.
pub(crate) fn housekeep_shared_job(
    job: JobContext<'_>,
    checkpoint_requests: &CheckpointRequests,
    is_over: &AtomicBool,
) {
    let mut kept = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if kept.elapsed() >= SHARED_EVERY {
            warn_unless_busy(job.lease.housekeep().map_err(Error::from));
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
/// When queue or store fail; it may be tried again.
pub fn housekeep_once(job: JobContext<'_>) -> Result<()> {
    let JobContext { queue, store, lease, .. } = job;
    let input = job.job.input();
    hold_log_now(queue, store, job.job)?;
    retain(queue, input)?;
    for topic in job.job.topics() {
        retain(store.topics(), &store.topics().topic(topic)?)?;
    }
    let view = store.view()?;
    let spans = queue.spans(input)?;
    for ((partition, part), span) in input.all().zip(&view.partitions).zip(spans) {
        // Verify begins at the log's head or at the oldest checkpoint; entries before both are
        // of no use to anyone.
        if let Some(needed) = needed_from(store, partition, part)? {
            lease.prune_journal(partition, needed.min(span.first))?;
        }
    }
    Ok(())
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
    let view = store.view()?;
    let mut needed = Vec::with_capacity(view.partitions.len());
    let spans = queue.spans(job.input())?;
    for ((partition, part), span) in job.input().all().zip(&view.partitions).zip(spans) {
        // One that has not begun yet may be about to begin anywhere in what is there.
        needed.push((partition, needed_from(store, partition, part)?.unwrap_or(span.first)));
    }
    queue.hold(job.input(), &holder(job, &view), &needed)
}

/// As [`hold_log_now`], but at least from these offsets on, one for each partition.
pub(crate) fn hold_log_from(
    queue: &dyn Queue,
    store: &dyn JobStore,
    job: &Job,
    from: &[Offset],
) -> seismic_queue::Result<()> {
    let view = store.view()?;
    let mut needed = Vec::with_capacity(from.len());
    for ((partition, part), &from) in job.input().all().zip(&view.partitions).zip(from) {
        let own = needed_from(store, partition, part)?.unwrap_or(from);
        needed.push((partition, own.min(from)));
    }
    queue.hold(job.input(), &holder(job, &view), &needed)
}

/// Releases the log for a job whose first start was refused: the store has no position in it.
pub(crate) fn release_unless_begun(queue: &dyn Queue, store: &dyn JobStore, job: &Job) {
    let release = || {
        let view = store.view()?;
        if view.partitions.iter().any(|part| part.progress.is_some()) {
            return Ok(());
        }
        queue.hold(job.input(), &holder(job, &view), &[])
    };
    warn_unless_busy(release().map_err(Error::from));
}

/// Who holds the log: the group and its store, since two stores of one group are two jobs.
fn holder(job: &Job, view: &View) -> String {
    format!("{} ({})", job.group, view.id)
}

/// First offset that recovery may need: that of the oldest of the newest checkpoints, or of the
/// journal's start. Older ones are kept for people, and hold nothing.
fn needed_from(
    store: &dyn JobStore,
    partition: Partition,
    part: &PartitionView,
) -> seismic_queue::Result<Option<Offset>> {
    let newest = |info: &&CheckpointInfo| info.class == Some(Class::Newest);
    if let Some(oldest) = part.checkpoints.iter().find(newest) {
        return Ok(Some(oldest.manifest.position));
    }
    let Range { start, end } = part.journal;
    let first = store.journal(partition, start..end.min(start + 1))?;
    Ok(first.first().map(|entry| entry.at))
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
        let mut lags = RetentionLag::of(queue, job.job.input(), false)?;
        for topic in job.job.topics() {
            lags.extend(RetentionLag::of(store.topics(), &store.topics().topic(topic)?, true)?);
        }
        for one in lags {
            let logged = self.logged.get(&(one.topic.clone(), one.holder.clone()));
            if logged.is_none_or(|at| at.elapsed() >= limits::PINNED_TOLD_EVERY) {
                tracing::warn!(
                    "{one}; let it catch up, or release its hold if it is gone for good"
                );
                self.logged.insert((one.topic, one.holder), Instant::now());
            }
        }
        Ok(())
    }
}
