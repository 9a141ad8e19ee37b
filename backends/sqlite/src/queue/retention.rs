//! Deletes what exceeds the policy of a topic: whole blocks from the oldest on, a few per
//! transaction, never beyond a hold; and all messages of a topic that is to be deleted.

use rusqlite::{Connection, Row, params};

use crate::database::Database;
use crate::error::Sql;
use crate::limits;
use crate::topics;
use seismic_queue::{HeldBack, Hold, Offset, Partition, Policy, Result, Retained, Topic, clock};

/// What one transaction did.
struct Step {
    deleted: u64,
    held_by: Option<Hold>,
    /// There may be more to delete.
    more: bool,
}

/// Deletes what may go from one partition.
pub(crate) fn retain(
    database: &Database,
    topic: &Topic,
    partition: Partition,
    place: i64,
    past_holds: bool,
) -> Result<Retained> {
    let mut retained = Retained { partition, deleted: 0, held_by: None };
    loop {
        let step = database.writer.write("deleting old messages", |db| {
            let policy = topics::policy(db, topic)?;
            let holds = if past_holds { Vec::new() } else { topics::holds(db, place, partition)? };
            step(db, place, policy, holds.into_iter().next())
        })?;
        retained.deleted += step.deleted;
        retained.held_by = step.held_by;
        if !step.more {
            return Ok(retained);
        }
    }
}

fn step(db: &Connection, place: i64, policy: Policy, hold: Option<Hold>) -> Sql<Step> {
    let (first, mut bytes): (Offset, u64) = db
        .prepare_cached("SELECT first, bytes FROM partition WHERE id = ?1")?
        .query_row([place], |row| Ok((Offset(row.get(0)?), row.get(1)?)))?;
    let now_ms = clock::now_ms();
    let mut keep = first;
    let (mut held, mut blocks, mut deleted) = (false, 0, 0);
    let mut select = db.prepare_cached(
        "SELECT base + count, append_ms, length(bytes), count FROM block
         WHERE partition = ?1 ORDER BY base LIMIT ?2",
    )?;
    let mut rows = select.query(params![place, limits::RETAIN_BLOCKS])?;
    while let Some(row) = rows.next()? {
        let end = Offset(row.get(0)?);
        let (append_ms, size): (i64, u64) = (row.get(1)?, row.get(2)?);
        let age_ms = u64::try_from(now_ms.saturating_sub(append_ms)).unwrap_or(0);
        let old = policy.max_age_ms.is_some_and(|max| age_ms > max);
        let large = policy.max_bytes.is_some_and(|max| bytes > max);
        if !old && !large {
            break;
        }
        held = hold.as_ref().is_some_and(|hold| end > hold.offset);
        if held {
            break;
        }
        (keep, bytes, blocks) = (end, bytes.saturating_sub(size), blocks + 1);
        deleted += row.get::<_, u64>(3)?;
    }
    drop(rows);
    if blocks > 0 {
        drop_before(db, place, keep, bytes)?;
    }
    let held_by = hold.filter(|_| held);
    Ok(Step { deleted, held_by, more: blocks == limits::RETAIN_BLOCKS })
}

/// Deletes the blocks of a partition before `keep`; those that stay have so many bytes.
fn drop_before(db: &Connection, place: i64, keep: Offset, bytes: u64) -> Sql<()> {
    db.prepare_cached("DELETE FROM block WHERE partition = ?1 AND base < ?2")?
        .execute(params![place, keep.0])?;
    db.prepare_cached("UPDATE partition SET first = ?2, bytes = ?3 WHERE id = ?1")?
        .execute(params![place, keep.0, bytes])?;
    Ok(())
}

/// Deletes the messages of a partition before `end`, whoever needs them, a few blocks per
/// transaction.
pub(crate) fn empty(database: &Database, place: i64, end: Offset) -> Result<()> {
    loop {
        let is_done = database
            .writer
            .write("deleting the messages of a topic", |db| empty_step(db, place, end))?;
        if is_done {
            return Ok(());
        }
    }
}

/// Whether nothing is left before `end`.
fn empty_step(db: &Connection, place: i64, end: Offset) -> Sql<bool> {
    let mut select = db.prepare_cached(
        "SELECT base + count, length(bytes) FROM block WHERE partition = ?1 AND base < ?2
         ORDER BY base LIMIT ?3",
    )?;
    let one = |row: &Row<'_>| Ok((Offset(row.get(0)?), row.get::<_, u64>(1)?));
    let found = select
        .query_map(params![place, end.0, limits::RETAIN_BLOCKS], one)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    if let Some(&(keep, _)) = found.last() {
        let bytes: u64 = db
            .prepare_cached("SELECT bytes FROM partition WHERE id = ?1")?
            .query_row([place], |row| row.get(0))?;
        let gone: u64 = found.iter().map(|(_, size)| size).sum();
        drop_before(db, place, keep, bytes.saturating_sub(gone))?;
    }
    Ok(found.len() < limits::RETAIN_BLOCKS)
}

/// What the oldest hold of a partition keeps beyond the policy.
pub(crate) fn held(
    db: &Connection,
    place: i64,
    partition: Partition,
    policy: Policy,
) -> Sql<Option<HeldBack>> {
    let Some(hold) = topics::holds(db, place, partition)?.into_iter().next() else {
        return Ok(None);
    };
    let now_ms = clock::now_ms();
    let bytes: u64 = db
        .prepare_cached("SELECT bytes FROM partition WHERE id = ?1")?
        .query_row([place], |row| row.get(0))?;
    let sum = |sql: &str, bound: i64| {
        db.prepare_cached(sql)?.query_row(params![place, bound], |row| row.get::<_, u64>(0))
    };
    let older = "SELECT coalesce(sum(length(bytes)), 0) FROM block
                 WHERE partition = ?1 AND append_ms < ?2";
    let before = "SELECT coalesce(sum(length(bytes)), 0) FROM block
                  WHERE partition = ?1 AND base + count <= ?2";
    let too_many = policy.max_bytes.map_or(0, |most| bytes.saturating_sub(most));
    let too_old = match policy.max_age_ms {
        Some(most) => sum(older, now_ms.saturating_sub_unsigned(most))?,
        None => 0,
    };
    let free = sum(before, i64::try_from(hold.offset.0).unwrap_or(i64::MAX))?;
    let bytes = too_many.max(too_old).saturating_sub(free);
    if bytes == 0 {
        return Ok(None);
    }
    let oldest_ms: i64 = db
        .prepare_cached(
            "SELECT append_ms FROM block WHERE partition = ?1 AND base + count > ?2
             ORDER BY base LIMIT 1",
        )?
        .query_row(params![place, hold.offset.0], |row| row.get(0))?;
    let age_ms = u64::try_from(now_ms.saturating_sub(oldest_ms)).unwrap_or(0);
    Ok(Some(HeldBack { hold, bytes, age_ms }))
}
