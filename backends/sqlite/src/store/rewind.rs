//! Rewinding to a checkpoint. Each statement runs in its caller's transaction.

use rusqlite::{Connection, params};

use super::{checkpoint_names, checkpoints, job_shape};
use crate::error::Sql;
use crate::topics;
use seismic_queue::{Error, Offset, Partition, Rewind};

/// Sets a partition back to a checkpoint: progress, journal, and the checkpoints after it.
pub(crate) fn set_back(db: &Connection, at: &str, back: &Rewind, now_ms: i64) -> Sql<()> {
    let Rewind { partition, checkpoint, .. } = back;
    let found = checkpoints::checkpoints(db, *partition)?;
    let Some(info) = found.into_iter().find(|info| info.manifest.checkpoint == *checkpoint) else {
        let (at, partition, number) = (at.to_owned(), *partition, *checkpoint);
        return Err(Error::CheckpointMissing { at, partition, number }.into());
    };
    checkpoints::set_back(db, at, back, &info.manifest, now_ms)?;
    let manifest = info.manifest;
    db.prepare_cached("DELETE FROM journal WHERE partition = ?1 AND sequence >= ?2")?
        .execute(params![partition.0, manifest.journal_sequence])?;
    for name in checkpoint_names::after(db, *partition, *checkpoint)? {
        checkpoint_names::remove(db, &name)?;
    }
    let place = params![partition.0, checkpoint];
    db.prepare_cached("DELETE FROM checkpoint WHERE partition = ?1 AND number > ?2")?
        .execute(place)?;
    db.prepare_cached("DELETE FROM chunk WHERE partition = ?1 AND checkpoint > ?2")?
        .execute(place)?;
    job_shape::prune_positions(db, *partition)
}

/// Refuses when a sink has come further than what is left of the rows.
pub(crate) fn check_sinks(
    db: &Connection,
    at: &str,
    (place, partition): (i64, Partition),
    left: Offset,
) -> Sql<()> {
    match topics::holds(db, place, partition)?.into_iter().rfind(|hold| hold.offset > left) {
        Some(hold) => Err(Error::sink_beyond(at, hold, left).into()),
        None => Ok(()),
    }
}
