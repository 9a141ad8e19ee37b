//! The start of a job: one commit for all partitions, before anything is read.
//!
//! It is one commit, because a first start that is killed half-way must not leave a group in which
//! some partitions started at the requested position and others did not.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_queue::{Commit, Offset, Partition, Queue, SharedLease, Span, Topic, patiently};

use crate::runner::commit::commit_all;
use crate::runner::job::JobContext;
use crate::runner::metrics::Metrics;
use crate::runner::partition_task::PartitionTask;
use crate::runner::settings::StartFrom;
use crate::{Error, Result};

/// How what workers agree on begins, when the job is to start as a fork.
pub(crate) const CHECKPOINT: &str = "checkpoint ";

/// Commits the start of a group that has no progress.
///
/// # Errors
/// [`Error::AlreadyStarted`] when it has some and `--from` was given; what says that the position
/// asked for is not there; and whatever stops a commit.
pub(crate) fn begin(job: JobContext<'_>, stop: &Arc<AtomicBool>, metrics: &Metrics) -> Result<()> {
    let (inputs, settings) = (&job.job.inputs, job.settings);
    let view = patiently(stop, || job.store.view())?;
    let stored =
        job.job.input().all().zip(view.partitions.iter().map(|part| part.progress.as_ref()));
    let mut fresh = Vec::new();
    for (partition, stored) in stored {
        match stored {
            Some(stored) if settings.from.is_some() => {
                return Err(Error::AlreadyStarted { partition, next: stored.next });
            }
            Some(_) => {}
            None => fresh.push(partition),
        }
    }
    metrics.set_started();
    let mut commit = Commit::default();
    let from = settings.from.unwrap_or_default();
    let starts = match fresh.is_empty() {
        true => Vec::new(),
        false => inputs
            .iter()
            .map(|input| beginnings(job.queue, input, from, stop))
            .collect::<Result<Vec<_>>>()?,
    };
    for partition in fresh {
        let at: Vec<_> = starts.iter().map(|starts| starts[partition.0 as usize]).collect();
        commit
            .partitions
            .push(PartitionTask::begin(job.kind, (inputs, partition, &at), settings).hand_over());
    }
    commit_all(job, commit, stop)
}

/// Agrees with the other workers of a shared job on where it begins: the first worker to get a
/// partition begins it, and all partitions begin where the first worker decided, also if that
/// worker is gone. Gives the partitions of one input after the other.
///
/// # Errors
/// [`Error::StartedElsewhere`] when another `--from` was given than the job began with;
/// [`Error::ForkNotMade`] when it is to be a fork and is none yet.
pub(crate) fn agree_on_start(
    job: JobContext<'_>,
    lease: &dyn SharedLease,
    stop: &AtomicBool,
    metrics: &Metrics,
) -> Result<Vec<Offset>> {
    let asked = job.settings.from;
    let from = asked.unwrap_or_default();
    let inputs = job.job.inputs.iter();
    let starts = inputs
        .map(|input| beginnings(job.queue, input, from, stop))
        .collect::<Result<Vec<_>>>()?
        .concat();
    let agree = || lease.agree_on_start(&from.to_string(), &starts);
    let (agreed, starts) = patiently(stop, agree)?;
    if asked.is_some() && agreed != from.to_string() {
        return Err(Error::StartedElsewhere { asked: from.to_string(), agreed });
    }
    if agreed.starts_with(CHECKPOINT) {
        // The state is in one commit over all partitions, which who agreed on it makes.
        let committed = patiently(stop, || lease.positions())?;
        if committed.iter().any(Option::is_none) {
            return Err(Error::ForkNotMade { agreed });
        }
    }
    metrics.set_started();
    Ok(starts)
}

/// Where a partition that was never committed begins in each input.
pub(crate) fn begin_in_all(
    job: JobContext<'_>,
    partition: Partition,
    stop: &AtomicBool,
) -> Result<Vec<Offset>> {
    let from = job.settings.from.unwrap_or_default();
    let of = |input| Ok(beginnings(job.queue, input, from, stop)?[partition.0 as usize]);
    job.job.inputs.iter().map(of).collect()
}

/// Where each partition of a topic that was never committed begins. An offset counts in every
/// partition; one that is not that long yet begins at its end, as long as another one reaches it.
pub(crate) fn beginnings(
    queue: &dyn Queue,
    topic: &Topic,
    from: StartFrom,
    stop: &AtomicBool,
) -> Result<Vec<Offset>> {
    let spans = patiently(stop, || queue.spans(topic))?;
    let longest = spans.iter().map(|span| span.end).max().unwrap_or_default();
    let begins = |(partition, span): (Partition, &Span)| {
        let wanted = match from {
            StartFrom::Earliest => span.first,
            StartFrom::Latest => span.end,
            StartFrom::Time(ms) => patiently(stop, || queue.offset_at(topic, partition, ms))?,
            StartFrom::Offset(wanted) => Offset(wanted),
        };
        let (first, topic) = (span.first, topic.name.clone());
        if wanted < first {
            return Err(seismic_queue::Error::OffsetGone { topic, partition, wanted, first }.into());
        }
        // What was appended since the spans were asked for may be where a time leads.
        let end = longest.max(span.end);
        if wanted > end && !matches!(from, StartFrom::Time(_)) {
            return Err(seismic_queue::Error::OffsetBeyond { topic, partition, wanted, end }.into());
        }
        Ok(wanted.min(span.end))
    };
    topic.all().zip(&spans).map(begins).collect()
}
