//! A fork: a new job that starts with the state of another job at a checkpoint.
//!
//! It has a group and a store of its own, and reads the same topic under the same rules. Its
//! beginning is one commit over all partitions: where it comes from (in the journal), the position,
//! and the snapshot itself as its first checkpoint, named `fork` so that it is kept (where names
//! cost nothing else) and the job can be verified from its start. Large states also fit one commit:
//! it never carries more than the engines that the job is about to hold in memory anyway.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use seismic_queue::{
    Checkpoint, Chunk, Commit, Job, JobStore, JournalEntry, Manifest, Offset, Partition,
    PartitionCommit, limits as queue_limits,
};

use crate::engine::journal::Entry;
use crate::engine::kind_note;
use crate::engine::operator::{Operator, OperatorKind};
use crate::operations::checkpoint_ref::CheckpointRef;
use crate::runner::commit::commit_all;
use crate::runner::housekeeping;
use crate::runner::job::JobContext;
use crate::runner::start::CHECKPOINT;
use crate::{Error, Result};

/// Name of the checkpoint with which a fork begins.
const NAME: &str = "fork";

/// Begins `job`, whose store is new, with the checkpoints `which` of the store `of`.
///
/// # Errors
/// When `job` has begun already, reads another topic or has other rules; when the checkpoint is
/// not there, or the log no longer reaches it; and whatever stops a commit.
pub fn fork(
    job: JobContext<'_>,
    of: &dyn JobStore,
    which: &CheckpointRef,
    stop: &Arc<AtomicBool>,
) -> Result<()> {
    let (view, parent) = (job.store.view()?, of.view()?);
    let stored = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    if let Some((partition, progress)) = (0..).map(Partition).zip(stored).next() {
        return Err(Error::AlreadyForked { partition, next: progress.next });
    }
    if job.job.inputs != parent.job.inputs {
        let names = |of: &Job| {
            let names: Vec<_> = of.inputs.iter().map(|input| &*input.name).collect();
            names.join(", ")
        };
        let (ours, theirs) = (names(job.job), names(&parent.job));
        return Err(Error::OtherInput { ours, theirs, group: parent.job.group });
    }
    let infos = which.in_all(&parent)?;
    // Held first, so that what is checked next stays.
    housekeeping::hold_log_now(job.queue, job.store, job.job)?;
    let begin = || {
        let (mut commit, mut set) = (Commit::default(), CheckpointSet::default());
        for (partition, info) in job.job.input().all().zip(infos) {
            check_reach(job, partition, which, &info.manifest)?;
            let checkpoint = of.checkpoint(partition, info.manifest.checkpoint)?;
            let number = info.manifest.checkpoint;
            let operator = set.restored(job, partition, number, &checkpoint.state)?;
            let begun = beginning(
                (job.kind, &*operator),
                (checkpoint, job.settings.checkpoints_kept),
                &parent.job.group,
                &parent.id,
            );
            commit.partitions.push(begun);
        }
        agree(job, which, &parent.job.group, &commit)?;
        commit_all(job, commit, stop)
    };
    begin().inspect_err(|_| {
        // A job that could not begin must not hold the log forever.
        housekeeping::release_unless_begun(job.queue, job.store, job.job);
    })
}

/// Whether the job has begun as a fork of these very checkpoints `which` of `of`, and may have
/// continued since. A start whose end no one has seen is not done twice by whoever asks this first.
///
/// # Errors
/// When a store cannot be read, or the checkpoint is not there any more.
pub fn is_fork_of(store: &dyn JobStore, of: &dyn JobStore, which: &CheckpointRef) -> Result<bool> {
    let view = store.view()?;
    if view.partitions.iter().any(|part| part.progress.is_none() || part.journal.start > 0) {
        return Ok(false);
    }
    let parent = of.view()?;
    for (partition, info) in parent.job.input().all().zip(which.in_all(&parent)?) {
        let first = store.journal(partition, 0..1)?;
        let entry = first.first().and_then(|entry| Entry::decode(&entry.bytes).ok());
        let Some(Entry::Fork { store, checkpoint, .. }) = entry else { return Ok(false) };
        if (store, checkpoint) != (parent.id.clone(), info.manifest.checkpoint) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Agrees on this start with other workers, which may be starting the same job right now.
fn agree(job: JobContext<'_>, which: &CheckpointRef, group: &str, commit: &Commit) -> Result<()> {
    let Some(lease) = job.lease.shared() else { return Ok(()) };
    let asked = format!("{CHECKPOINT}{which} of group {group}");
    let of_input = |input: usize| {
        let begun = commit.partitions.iter();
        begun.map(move |it| if input == 0 { it.next } else { it.further[input - 1] })
    };
    let starts: Vec<Offset> = (0..job.job.inputs.len()).flat_map(of_input).collect();
    let (agreed, agreed_starts) = lease.agree_on_start(&asked, &starts)?;
    if (&agreed, &agreed_starts) == (&asked, &starts) {
        return Ok(());
    }
    Err(Error::ForkedElsewhere { asked, agreed })
}

/// Whether the logs still have what comes after a checkpoint.
///
/// # Errors
/// [`Error::LogGone`] when it begins later, [`Error::LogShort`] when it ends before.
pub(crate) fn check_reach(
    job: JobContext<'_>,
    partition: Partition,
    which: &CheckpointRef,
    manifest: &Manifest,
) -> Result<()> {
    for (input, position) in job.job.inputs.iter().zip(manifest.positions()) {
        let span = job.queue.spans(input)?[partition.0 as usize];
        if position < span.first {
            let (which, first) = (which.to_string(), span.first);
            return Err(Error::LogGone { which, partition, position, first });
        }
        if position > span.end {
            return Err(Error::LogShort { partition, next: position, end: span.end });
        }
    }
    Ok(())
}

/// The first commit of a partition that begins with `checkpoint`.
fn beginning(
    (kind, operator): (&dyn OperatorKind, &dyn Operator),
    (checkpoint, keeps): (Checkpoint, u32),
    group: &str,
    store: &str,
) -> PartitionCommit {
    let Checkpoint { manifest: theirs, state } = checkpoint;
    let (at, number) = (operator.position(), theirs.checkpoint);
    let entry = Entry::Fork {
        group: group.to_owned(),
        store: store.to_owned(),
        checkpoint: number,
        rows: operator.rows(),
        keyed: operator.keyed_rows(),
    };
    let pieces = state.chunks(queue_limits::CHUNK_BYTES).zip(0..);
    let chunks: Vec<_> = pieces
        .map(|(bytes, index)| Chunk { checkpoint: 1, index, bytes: bytes.to_vec() })
        .collect();
    let manifest = Manifest {
        checkpoint: 1,
        position: theirs.position,
        further: theirs.further.clone(),
        journal_sequence: 1,
        chunks: chunks.len() as u32,
        crc: theirs.crc,
        keeps,
    };
    let mut begun = PartitionCommit::new(operator.partition());
    (begun.number, begun.next, begun.further) = (1, theirs.position, theirs.further);
    kind_note::write(kind.name(), operator, &[], &mut begun.note);
    begun.journal.push(JournalEntry { sequence: 0, at, bytes: entry.encode() });
    (begun.chunks, begun.manifest) = (chunks, Some(manifest));
    begun.name = Some(NAME.to_owned());
    begun
}

/// The checkpoints of all partitions from which a job continues.
#[derive(Default)]
pub(crate) struct CheckpointSet {
    /// Of the first: how many partitions the input had when some were added last.
    partitions: Option<Option<u32>>,
}

impl CheckpointSet {
    /// The operator of a checkpoint, which must work by the job's rules and have the sensors that
    /// belong in its partition beside the others.
    pub(crate) fn restored(
        &mut self,
        job: JobContext<'_>,
        partition: Partition,
        number: u64,
        state: &[u8],
    ) -> Result<Box<dyn Operator>> {
        let operator = job
            .kind
            .restore(state, &job.job.inputs, partition)
            .map_err(|source| Error::Snapshot { partition, number, source })?;
        let differences = job.kind.differences_of(&*operator);
        if !differences.is_empty() {
            return Err(Error::CheckpointRulesDiffer(differences));
        }
        let rescaled_to = operator.rescaled_to();
        if *self.partitions.get_or_insert(rescaled_to) != rescaled_to {
            return Err(Error::CheckpointsAcrossRescale { partition, number });
        }
        Ok(operator)
    }
}
