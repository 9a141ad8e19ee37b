//! The beginning of a job: every partition's start in one commit, before anything is read.
//!
//! One commit, because a first start that is killed half-way must not leave a group of which some
//! partitions began where was asked and others begin elsewhere.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_queue::{Commit, Offset, Partition, Queue, SharedLease, Topic, patiently};

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
    let view = job.store.view()?;
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
    for partition in fresh {
        let from = settings.from.unwrap_or_default();
        let at = begin_in_all(job.queue, inputs, partition, from)?;
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
    let partitions = job
        .job
        .inputs
        .iter()
        .flat_map(|input| input.all().map(move |partition| (input, partition)));
    let starts = partitions
        .map(|(input, partition)| begin_at(job.queue, input, partition, from))
        .collect::<Result<Vec<_>>>()?;
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
    queue: &dyn Queue,
    inputs: &[Topic],
    partition: Partition,
    from: StartFrom,
) -> Result<Vec<Offset>> {
    inputs.iter().map(|topic| begin_at(queue, topic, partition, from)).collect()
}

/// Where a partition of a topic that was never committed begins. An offset counts in every
/// partition; one that is not that long yet begins at its end, as long as another one reaches it.
pub(crate) fn begin_at(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    from: StartFrom,
) -> Result<Offset> {
    let spans = queue.spans(topic)?;
    let span = spans[partition.0 as usize];
    let wanted = match from {
        StartFrom::Earliest => span.first,
        StartFrom::Latest => span.end,
        StartFrom::Time(ms) => queue.offset_at(topic, partition, ms)?,
        StartFrom::Offset(wanted) => Offset(wanted),
    };
    let longest = spans.iter().map(|span| span.end).fold(span.end, Offset::max);
    let (first, topic) = (span.first, topic.name.clone());
    if wanted < first {
        return Err(seismic_queue::Error::OffsetGone { topic, partition, wanted, first }.into());
    }
    if wanted > longest {
        let end = longest;
        return Err(seismic_queue::Error::OffsetBeyond { topic, partition, wanted, end }.into());
    }
    Ok(wanted.min(span.end))
}
