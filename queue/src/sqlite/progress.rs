//! Progress, journal and checkpoints of one partition: the statements, each within its caller's
//! transaction.

use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;

use super::fault::Sql;
use crate::failpoints::{BEFORE_PRUNE, SNAPSHOT_CHUNK, pass};
use crate::tip::Tip;
use crate::{
    Checkpoint, CheckpointInfo, Error, JournalEntry, Manifest, Offset, Partition, PartitionCommit,
    Progress, Recovered, limits,
};

/// Writes everything of a partition's commit but its rows and dead letters.
pub(super) fn apply(db: &Connection, at: &str, new: &PartitionCommit, now_ms: i64) -> Sql<()> {
    let partition = new.partition;
    let tip = tip(db, partition)?.after(at, new)?;
    db.prepare_cached("INSERT OR REPLACE INTO progress VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
        partition,
        tip.number,
        tip.next,
        new.note,
        now_ms,
        tip.next_sequence,
        tip.checkpoint,
        tip.unsealed,
    ])?;
    for JournalEntry { sequence, at, bytes } in &new.journal {
        db.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![partition, sequence, at, bytes])?;
    }
    for chunk in &new.chunks {
        db.prepare_cached("INSERT INTO chunk VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            partition,
            chunk.checkpoint,
            chunk.index,
            chunk.bytes
        ])?;
        pass(at, SNAPSHOT_CHUNK)?;
    }
    new.manifest.as_ref().map_or(Ok(()), |manifest| seal(db, at, partition, manifest, now_ms))
}

/// Makes stored chunks a checkpoint, and lets go of old ones and of chunks that never became one.
fn seal(
    db: &Connection,
    at: &str,
    partition: Partition,
    manifest: &Manifest,
    now_ms: i64,
) -> Sql<()> {
    let Manifest { checkpoint, position, journal_sequence, chunks, crc } = manifest;
    db.prepare_cached(
        "INSERT INTO checkpoint SELECT ?1, ?2, ?3, ?4, ?5, ?6, coalesce(sum(length(bytes)), 0), ?7
         FROM chunk WHERE partition = ?1 AND checkpoint = ?2",
    )?
    .execute(params![
        partition,
        checkpoint,
        position,
        journal_sequence,
        chunks,
        crc,
        now_ms
    ])?;
    pass(at, BEFORE_PRUNE)?;
    db.prepare_cached(
        "DELETE FROM checkpoint WHERE partition = ?1 AND number <= (
             SELECT number FROM checkpoint WHERE partition = ?1
             ORDER BY number DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![partition, limits::CHECKPOINTS_KEPT])?;
    db.prepare_cached(
        "DELETE FROM chunk WHERE partition = ?1 AND checkpoint NOT IN (
             SELECT number FROM checkpoint WHERE partition = ?1)",
    )?
    .execute(params![partition])?;
    Ok(())
}

fn tip(db: &Connection, partition: Partition) -> Sql<Tip> {
    let stored = db
        .prepare_cached(
            "SELECT number, next, next_sequence, checkpoint, unsealed
             FROM progress WHERE partition = ?1",
        )?
        .query_row(params![partition], |row| {
            Ok(Tip {
                number: row.get(0)?,
                next: row.get(1)?,
                next_sequence: row.get(2)?,
                checkpoint: row.get(3)?,
                unsealed: row.get(4)?,
            })
        });
    Ok(stored.optional()?.unwrap_or_default())
}

pub(super) fn progress(db: &Connection, partition: Partition) -> Sql<Option<Progress>> {
    let stored = db
        .prepare_cached(
            "SELECT number, next, note, committed_ms FROM progress WHERE partition = ?1",
        )?
        .query_row(params![partition], |row| {
            let (number, next) = (row.get(0)?, row.get(1)?);
            Ok(Progress { number, next, note: row.get(2)?, committed_ms: row.get(3)? })
        });
    Ok(stored.optional()?)
}

/// Sequences of the journal entries kept.
pub(super) fn journal_kept(db: &Connection, partition: Partition) -> Sql<Range<u64>> {
    let next = tip(db, partition)?.next_sequence;
    let first = db
        .prepare_cached("SELECT min(sequence) FROM journal WHERE partition = ?1")?
        .query_row(params![partition], |row| row.get::<_, Option<u64>>(0))?;
    Ok(first.unwrap_or(next)..next)
}

/// Journal entries kept with a sequence in `range`.
pub(super) fn journal(
    db: &Connection,
    partition: Partition,
    range: Range<u64>,
) -> Sql<Vec<JournalEntry>> {
    let mut select = db.prepare_cached(
        "SELECT sequence, position, bytes FROM journal
         WHERE partition = ?1 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence",
    )?;
    let entries = select.query_map(params![partition, range.start, range.end], |row| {
        Ok(JournalEntry { sequence: row.get(0)?, at: row.get(1)?, bytes: row.get(2)? })
    })?;
    Ok(entries.collect::<rusqlite::Result<_>>()?)
}

/// Forgets entries before `below` that the oldest checkpoint holds.
pub(super) fn prune_journal(db: &Connection, partition: Partition, below: Offset) -> Sql<()> {
    db.prepare_cached(
        "DELETE FROM journal WHERE partition = ?1 AND position < ?2 AND sequence < ifnull(
             (SELECT journal_sequence FROM checkpoint WHERE partition = ?1
              ORDER BY number LIMIT 1), sequence + 1)",
    )?
    .execute(params![partition, below])?;
    Ok(())
}

/// Checkpoints kept, oldest first.
pub(super) fn checkpoints(db: &Connection, partition: Partition) -> Sql<Vec<CheckpointInfo>> {
    let mut select = db.prepare_cached(
        "SELECT number, position, journal_sequence, chunks, crc, bytes, created_ms
         FROM checkpoint WHERE partition = ?1 ORDER BY number",
    )?;
    let infos = select.query_map(params![partition], |row| {
        let manifest = Manifest {
            checkpoint: row.get(0)?,
            position: row.get(1)?,
            journal_sequence: row.get(2)?,
            chunks: row.get(3)?,
            crc: row.get(4)?,
        };
        Ok(CheckpointInfo { manifest, bytes: row.get(5)?, created_ms: row.get(6)? })
    })?;
    Ok(infos.collect::<rusqlite::Result<_>>()?)
}

/// The checkpoint of that number, read and checked.
pub(super) fn checkpoint(
    db: &Connection,
    at: &str,
    partition: Partition,
    number: u64,
) -> Sql<Checkpoint> {
    let kept = checkpoints(db, partition)?;
    match kept.into_iter().find(|info| info.manifest.checkpoint == number) {
        Some(info) => read(db, at, partition, info),
        None => Err(Error::CheckpointMissing { at: at.to_owned(), partition, number }.into()),
    }
}

fn read(db: &Connection, at: &str, partition: Partition, info: CheckpointInfo) -> Sql<Checkpoint> {
    let manifest = info.manifest;
    let mut select = db.prepare_cached(
        "SELECT bytes FROM chunk WHERE partition = ?1 AND checkpoint = ?2 ORDER BY place",
    )?;
    let mut rows = select.query(params![partition, manifest.checkpoint])?;
    let mut state = Vec::new();
    while let Some(row) = rows.next()? {
        state.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(Checkpoint { manifest, state }.checked(at, partition)?)
}

/// Where a partition goes on: from the newest checkpoint that is whole.
pub(super) fn recover(db: &Connection, at: &str, partition: Partition) -> Sql<Recovered> {
    let mut passed_over = Vec::new();
    let mut whole = None;
    for info in checkpoints(db, partition)?.into_iter().rev() {
        match read(db, at, partition, info) {
            Ok(checkpoint) => {
                whole = Some(checkpoint);
                break;
            }
            Err(fault) => match fault.named(at, "reading a checkpoint") {
                damage @ Error::Corrupt { .. } => passed_over.push(damage.to_string()),
                error => return Err(error.into()),
            },
        }
    }
    let from = whole.as_ref().map_or(0, |checkpoint| checkpoint.manifest.journal_sequence);
    let Tip { next_sequence, checkpoint, .. } = tip(db, partition)?;
    Ok(Recovered {
        partition,
        progress: progress(db, partition)?,
        checkpoint: whole,
        journal: journal(db, partition, from..next_sequence)?,
        next_sequence,
        last_checkpoint: checkpoint,
        passed_over,
    })
}
