//! Progress and checkpoints of one partition. Each statement runs in its caller's transaction.

use rusqlite::{Connection, OptionalExtension, params};
use std::ops::Range;

use super::{checkpoint_keeps, job_shape, journal, name_rows};
use crate::error::{Sql, is_foreign_value};
use crate::failpoints::{BEFORE_PRUNE, SNAPSHOT_CHUNK};
use seismic_queue::backend::checkpoint_retention::{Candidate, classes};
use seismic_queue::backend::commit_order::LastCommit;
use seismic_queue::failpoints::pass;
use seismic_queue::{
    Checkpoint, CheckpointInfo, Class, Error, Manifest, Offset, Partition, PartitionCommit,
    Progress, Recovered, Rewind,
};

/// Writes everything of a partition's commit but its rows and dead letters.
pub(crate) fn apply(db: &Connection, at: &str, new: &PartitionCommit, now_ms: i64) -> Sql<()> {
    let partition = new.partition;
    let last_commit = last_commit(db, at, partition)?.after(at, new)?;
    put(db, partition, &last_commit, &new.note, now_ms)?;
    job_shape::put_progress(db, partition, last_commit.number, &last_commit.further)?;
    new.journal.iter().try_for_each(|entry| journal::add(db, partition, entry))?;
    for chunk in &new.chunks {
        db.prepare_cached("INSERT INTO chunk VALUES (?1, ?2, ?3, ?4)")?.execute(params![
            partition.0,
            chunk.checkpoint,
            chunk.index,
            chunk.bytes
        ])?;
        pass(at, SNAPSHOT_CHUNK)?;
    }
    new.manifest.as_ref().map_or(Ok(()), |manifest| seal(db, at, new, manifest, now_ms))
}

/// Writes the row of a partition's progress.
fn put(
    db: &Connection,
    partition: Partition,
    last_commit: &LastCommit,
    note: &[u8],
    now_ms: i64,
) -> Sql<()> {
    db.prepare_cached(
        "INSERT OR REPLACE INTO progress VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        partition.0,
        last_commit.number,
        last_commit.next.0,
        note,
        now_ms,
        last_commit.next_sequence,
        last_commit.checkpoint,
        last_commit.unsealed,
        crc_of_progress(partition, last_commit, note, now_ms),
    ])?;
    Ok(())
}

/// Makes stored chunks a checkpoint, and deletes old ones and chunks that never became one.
fn seal(
    db: &Connection,
    at: &str,
    new: &PartitionCommit,
    manifest: &Manifest,
    now_ms: i64,
) -> Sql<()> {
    let partition = new.partition;
    let Manifest { checkpoint, position, further, journal_sequence, chunks, crc, keeps } = manifest;
    db.prepare_cached(
        "INSERT INTO checkpoint SELECT ?1, ?2, ?3, ?4, ?5, ?6, coalesce(sum(length(bytes)), 0), ?7
         FROM chunk WHERE partition = ?1 AND checkpoint = ?2",
    )?
    .execute(params![
        partition.0,
        checkpoint,
        position.0,
        journal_sequence,
        chunks,
        crc,
        now_ms
    ])?;
    job_shape::put_positions(db, partition, *checkpoint, further)?;
    checkpoint_keeps::put(db, partition, *checkpoint, *keeps)?;
    pass(at, BEFORE_PRUNE)?;
    name_rows::name_sealed(db, new)?;
    prune(db, partition)?;
    db.prepare_cached(
        "DELETE FROM chunk WHERE partition = ?1 AND checkpoint NOT IN (
             SELECT number FROM checkpoint WHERE partition = ?1)",
    )?
    .execute(params![partition.0])?;
    Ok(())
}

/// Deletes the checkpoints that nothing keeps, with their chunks.
pub(crate) fn prune(db: &Connection, partition: Partition) -> Sql<()> {
    for (candidate, class) in kept(db, partition)? {
        if class.is_none() {
            let place = params![partition.0, candidate.number];
            db.prepare_cached("DELETE FROM checkpoint WHERE partition = ?1 AND number = ?2")?
                .execute(place)?;
            db.prepare_cached("DELETE FROM chunk WHERE partition = ?1 AND checkpoint = ?2")?
                .execute(place)?;
        }
    }
    checkpoint_keeps::prune(db, partition)?;
    job_shape::prune_positions(db, partition)
}

/// Every checkpoint, oldest first, with what keeps it.
fn kept(db: &Connection, partition: Partition) -> Sql<Vec<(Candidate, Option<Class>)>> {
    let mut select = db.prepare_cached(
        "SELECT number, created_ms, EXISTS (
             SELECT 1 FROM name WHERE name.partition = ?1 AND name.checkpoint = number)
         FROM checkpoint WHERE partition = ?1 ORDER BY number",
    )?;
    let keeps = checkpoint_keeps::of_each(db, partition)?;
    let all = select.query_map(params![partition.0], |row| {
        let (number, created_ms) = (row.get(0)?, row.get(1)?);
        let keeps = keeps.get(&number).copied().unwrap_or(checkpoint_keeps::USUAL);
        Ok(Candidate { number, created_ms, keeps, is_named: row.get(2)? })
    })?;
    let all: Vec<_> = all.collect::<rusqlite::Result<_>>()?;
    let classes = classes(&all);
    Ok(all.into_iter().zip(classes).collect())
}

fn last_commit(db: &Connection, at: &str, partition: Partition) -> Sql<LastCommit> {
    Ok(stored(db, at, partition)?.map(|(last_commit, _)| last_commit).unwrap_or_default())
}

pub(crate) fn progress(db: &Connection, at: &str, partition: Partition) -> Sql<Option<Progress>> {
    Ok(stored(db, at, partition)?.map(|(_, progress)| progress))
}

/// What the last commit of a partition left, checked.
fn stored(db: &Connection, at: &str, partition: Partition) -> Sql<Option<(LastCommit, Progress)>> {
    let damaged = |what| {
        let at = format!("the progress of partition {partition} in {at}");
        Err(Error::Corrupt { at, what }.into())
    };
    let found = db
        .prepare_cached(
            "SELECT number, next, next_sequence, checkpoint, unsealed, note, committed_ms, crc
             FROM progress WHERE partition = ?1",
        )?
        .query_row(params![partition.0], |row| {
            let last_commit = LastCommit {
                number: row.get(0)?,
                next: Offset(row.get(1)?),
                further: Vec::new(),
                next_sequence: row.get(2)?,
                checkpoint: row.get(3)?,
                unsealed: row.get(4)?,
            };
            Ok((last_commit, row.get::<_, Vec<u8>>(5)?, row.get(6)?, row.get::<_, u32>(7)?))
        })
        .optional();
    let found = match found {
        // A number that no commit of ours can have written.
        Err(error) if is_foreign_value(&error) => return damaged(error.to_string()),
        found => found?,
    };
    let Some((mut last_commit, note, committed_ms, crc)) = found else {
        // A partition that has begun has a journal, and one that has not has none.
        let has_begun: bool = db
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM journal WHERE partition = ?1)")?
            .query_row(params![partition.0], |row| row.get(0))?;
        return if has_begun { damaged("it is missing".to_owned()) } else { Ok(None) };
    };
    let found = crc_of_progress(partition, &last_commit, &note, committed_ms);
    if found != crc {
        return damaged(format!("its CRC is {found:08x}, not {crc:08x}"));
    }
    last_commit.further = job_shape::progress(db, at, partition, last_commit.number)?;
    let (next, further) = (last_commit.next, last_commit.further.clone());
    let progress = Progress { number: last_commit.number, next, further, note, committed_ms };
    Ok(Some((last_commit, progress)))
}

/// CRC-32 of a row of table `progress`: little-endian numbers in the order of the columns, with the
/// note where it stands; no `unsealed` is 0, and any other is one more.
fn crc_of_progress(
    partition: Partition,
    last_commit: &LastCommit,
    note: &[u8],
    committed_ms: i64,
) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for number in
        [u64::from(partition.0), last_commit.number, last_commit.next.0, note.len() as u64]
    {
        crc.update(&number.to_le_bytes());
    }
    crc.update(note);
    crc.update(&committed_ms.to_le_bytes());
    let unsealed = last_commit.unsealed.map_or(0, |chunks| u64::from(chunks) + 1);
    for number in [last_commit.next_sequence, last_commit.checkpoint, unsealed] {
        crc.update(&number.to_le_bytes());
    }
    crc.finalize()
}

/// Sets the progress of a partition back to a checkpoint, in the commit of that number.
///
/// # Errors
/// [`Error::OutOfOrder`] when something was committed meanwhile.
pub(crate) fn set_back(
    db: &Connection,
    at: &str,
    back: &Rewind,
    manifest: &Manifest,
    now_ms: i64,
) -> Sql<()> {
    let (partition, found) = (back.partition, back.number);
    let last_commit = last_commit(db, at, partition)?;
    let expected = last_commit.number + 1;
    if found != expected {
        let (at, what) = (at.to_owned(), "number");
        return Err(Error::OutOfOrder { at, partition, what, expected, found }.into());
    }
    let last_commit = LastCommit {
        number: found,
        next: manifest.position,
        further: manifest.further.clone(),
        next_sequence: manifest.journal_sequence,
        unsealed: None,
        ..last_commit
    };
    put(db, partition, &last_commit, &back.note, now_ms)?;
    job_shape::put_progress(db, partition, last_commit.number, &last_commit.further)
}

/// Sequences of the journal entries kept.
pub(crate) fn journal_kept(db: &Connection, at: &str, partition: Partition) -> Sql<Range<u64>> {
    let next = last_commit(db, at, partition)?.next_sequence;
    Ok(journal::first(db, partition)?.unwrap_or(next)..next)
}

/// Checkpoints kept, oldest first.
pub(crate) fn checkpoints(db: &Connection, partition: Partition) -> Sql<Vec<CheckpointInfo>> {
    let mut select = db.prepare_cached(
        "SELECT number, position, journal_sequence, chunks, crc, bytes, created_ms
         FROM checkpoint WHERE partition = ?1 ORDER BY number",
    )?;
    let infos = select.query_map(params![partition.0], |row| {
        let manifest = Manifest {
            checkpoint: row.get(0)?,
            position: Offset(row.get(1)?),
            further: Vec::new(),
            journal_sequence: row.get(2)?,
            chunks: row.get(3)?,
            crc: row.get(4)?,
            keeps: checkpoint_keeps::USUAL,
        };
        let (bytes, created_ms) = (row.get(5)?, row.get(6)?);
        Ok(CheckpointInfo { manifest, bytes, created_ms, class: None, names: Vec::new() })
    })?;
    let mut infos: Vec<_> = infos.collect::<rusqlite::Result<_>>()?;
    for (info, (candidate, class)) in infos.iter_mut().zip(kept(db, partition)?) {
        info.class = class;
        info.manifest.keeps = candidate.keeps;
        info.manifest.further = job_shape::positions(db, partition, info.manifest.checkpoint)?;
        info.names = name_rows::of(db, partition, info.manifest.checkpoint)?;
    }
    Ok(infos)
}

/// The checkpoint of that number, read and checked.
pub(crate) fn checkpoint(
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
    let mut rows = select.query(params![partition.0, manifest.checkpoint])?;
    let mut state = Vec::new();
    while let Some(row) = rows.next()? {
        state.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(Checkpoint { manifest, state }.checked(at, partition)?)
}

/// Where a partition continues: from the newest checkpoint that is whole.
pub(crate) fn recover(db: &Connection, at: &str, partition: Partition) -> Sql<Recovered> {
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
    let from = whole.as_ref().map(|checkpoint: &Checkpoint| checkpoint.manifest.journal_sequence);
    let LastCommit { next_sequence, checkpoint, .. } = last_commit(db, at, partition)?;
    Ok(Recovered {
        partition,
        progress: progress(db, at, partition)?,
        checkpoint: whole,
        journal: journal::up_to(db, at, partition, (from, next_sequence))?,
        next_sequence,
        last_checkpoint: checkpoint,
        passed_over,
    })
}
