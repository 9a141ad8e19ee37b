//! A rewind: a job returns to one of its own checkpoints and removes what came after it.
//!
//! One transaction over all partitions: the rows and dead letters written since are removed, with
//! the journal entries and the checkpoints, and the position becomes that of the checkpoint. The
//! number of rows is the difference of the counters, counted back from the end of the topic. The
//! next run reads the log again from there, and its rows continue after the offsets that were used.

use seismic_queue::{CheckpointInfo, KeyedCut, Offset, PartitionView, Rewind};

use crate::engine::kind_note;
use crate::engine::operator::{Operator, OperatorKind};
use crate::operations::checkpoint_ref::CheckpointRef;
use crate::operations::fork::{CheckpointSet, check_reach};
use crate::runner::housekeeping;
use crate::runner::job::JobContext;
use crate::{Error, Result};

/// Sets `job` back to its checkpoints `which`.
///
/// # Errors
/// When the checkpoint is not there or cannot be used, the log no longer reaches it, or a sink has
/// rows that would go. Nothing was changed then.
pub fn rewind(job: JobContext<'_>, which: &CheckpointRef) -> Result<()> {
    let view = job.store.view()?;
    let infos = which.in_all(&view)?;
    // Held first, so that what is checked next stays.
    let at = |info: &&CheckpointInfo| info.manifest.positions().collect();
    let positions: Vec<Vec<Offset>> = infos.iter().map(at).collect();
    housekeeping::hold_log_from(job.queue, job.store, job.job, &positions)?;
    let go_back = || {
        let (mut back, mut set) = (Vec::with_capacity(infos.len()), CheckpointSet::default());
        for ((partition, part), info) in job.job.input().all().zip(&view.partitions).zip(&infos) {
            check_reach(job, partition, which, &info.manifest)?;
            let number = info.manifest.checkpoint;
            let state = job.store.checkpoint(partition, number)?.state;
            let operator = set.restored(job, partition, number, &state)?;
            back.push(of_partition(job.kind, &*operator, part, number)?);
        }
        Ok(job.lease.rewind(&back)?)
    };
    let outcome = go_back();
    housekeeping::hold_log(job.queue, job.store, job.job);
    outcome
}

fn of_partition(
    kind: &dyn OperatorKind,
    operator: &dyn Operator,
    part: &PartitionView,
    checkpoint: u64,
) -> Result<Rewind> {
    let partition = operator.partition();
    let progress = part.progress.as_ref().ok_or(Error::NoBeginning { partition })?;
    let unusable = |source| Error::Note { partition, source };
    let noted = kind_note::note_of(kind, &progress.note).map_err(unusable)?;
    let now = kind.rows_of_note(&noted).map_err(unusable)?;
    let since = |(now, then): (u64, u64)| {
        let what = || "it counts more than the commits after it".to_owned();
        now.checked_sub(then).ok_or_else(|| Error::Snapshot {
            partition,
            number: checkpoint,
            source: crate::engine::snapshot_error::SnapshotError::Damaged(what()),
        })
    };
    let outputs = now.into_iter().zip(operator.rows()).map(since).collect::<Result<_>>()?;
    let then = operator.keyed_rows();
    let now = kind.keyed_rows_of_note(&noted).map_err(unusable)?;
    let keyed = now.into_iter().map(|now| {
        let is_same = |it: &&KeyedCut| (it.output, it.partition) == (now.output, now.partition);
        let then = then.iter().find(is_same).map_or(0, |then| then.rows);
        Ok(KeyedCut { rows: since((now.rows, then))?, ..now })
    });
    let (mut note, keyed) = (Vec::new(), keyed.collect::<Result<_>>()?);
    kind_note::write(kind.name(), operator, &[], &mut note);
    Ok(Rewind { partition, checkpoint, number: progress.number + 1, note, outputs, keyed })
}
