//! Deletes the head of the checkpoint topic: records that no checkpoint of any group needs.
//!
//! All groups share the topic, and a log is only ever cut at its head. So each partition keeps what
//! the slowest group needs: everything from the first chunk of that group's oldest checkpoint,
//! named or not. A group whose offsets have expired keeps everything until its store is deleted,
//! because its records are the only trace of it.
//!
//! A commit in progress may be the first of its group, which is not listed yet. Its records lie at
//! or after the last stable offset, so we read that offset *before* we list the groups and delete
//! nothing after it. We read the names *after* the checkpoints: naming a checkpoint ends with a
//! check that the checkpoint still exists, so a name that we did not see here fails that check.

use std::sync::Arc;

use super::checkpoint_names::CachedNames;
use super::job_context::JobContext;
use super::job_topic::JobTopic;
use crate::client::admin::Admin;
use crate::client::cluster::Cluster;
use crate::group::offsets::GroupOffsets;
use seismic_queue::{Hold, Job, Offset, Result, Retained, Topic};

/// Name of the checkpoint topic: all groups of a cluster share it.
pub(crate) const CHECKPOINTS: &str = "seismic-checkpoint-topic";

/// The first offset that each group needs, by partition.
pub(crate) fn holds(cluster: &Cluster, checkpoints: &Topic) -> Result<Vec<Hold>> {
    let firsts: Vec<Offset> = cluster.spans(checkpoints)?.iter().map(|span| span.first).collect();
    let mut holds = Vec::new();
    for job in JobTopic::new(cluster).all()? {
        holds.extend(holds_of(cluster, checkpoints, job, &firsts)?);
    }
    Ok(holds)
}

fn holds_of(
    cluster: &Cluster,
    checkpoints: &Topic,
    job: Job,
    firsts: &[Offset],
) -> Result<Vec<Hold>> {
    let offsets = GroupOffsets::new(cluster, &job.group)?;
    let (cluster, checkpoints) = (cluster.clone(), checkpoints.clone());
    let names = CachedNames::new(&cluster, &job.group);
    let (output_ids, staged) = (Vec::new(), Arc::default());
    let context = JobContext { cluster, job, output_ids, checkpoints, names, staged };
    let kept = context.kept(&offsets)?;
    let names = context.names.now_patiently()?;
    let mut holds = Vec::new();
    // One that has not been run since the topic is that wide has nothing in the rest.
    for ((partition, &first), mut kept) in context.job.input().all().zip(firsts).zip(kept) {
        let log = context.log(partition);
        let (holder, offset) = match context.committed_metadata(&offsets, partition)? {
            Some((_, offset_metadata)) => {
                names.settle(partition, &mut kept);
                let oldest = kept
                    .first()
                    .map_or(offset_metadata.from, |oldest| oldest.first.min(offset_metadata.from));
                (context.job.group.clone(), oldest)
            }
            None if log.all()?.progress.is_some() => {
                (format!("{} (its offsets are forgotten)", context.job.group), first)
            }
            None => continue,
        };
        holds.push(Hold { holder, partition, offset });
    }
    Ok(holds)
}

/// Trims every partition.
pub(crate) fn trim(cluster: &Cluster, checkpoints: &Topic) -> Result<Vec<Retained>> {
    let settled = cluster.settled_ends(checkpoints)?;
    let spans = cluster.spans(checkpoints)?;
    let holds = holds(cluster, checkpoints)?;
    let (mut below, mut done) = (Vec::new(), Vec::new());
    for (partition, (settled, span)) in checkpoints.all().zip(settled.into_iter().zip(spans)) {
        let of_it = holds.iter().filter(|hold| hold.partition == partition);
        let held_by = of_it.min_by_key(|hold| hold.offset).cloned();
        let cut = held_by.as_ref().map_or(settled, |hold| hold.offset.min(settled));
        if cut > span.first {
            below.push((partition, cut));
        }
        let deleted = cut.0.saturating_sub(span.first.0);
        done.push(Retained { partition, deleted, held_by });
    }
    if !below.is_empty() {
        Admin::new(cluster)?.delete_records(&checkpoints.name, &below)?;
    }
    Ok(done)
}
