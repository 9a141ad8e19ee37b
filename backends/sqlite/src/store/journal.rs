//! The journal of one partition. Each statement runs in its caller's transaction.

use std::ops::Range;

use rusqlite::{Connection, params};

use crate::error::{Sql, is_foreign_value};
use seismic_queue::{Error, JournalEntry, Offset, Partition};

/// Adds an entry.
pub(crate) fn add(db: &Connection, partition: Partition, entry: &JournalEntry) -> Sql<()> {
    db.prepare_cached("INSERT INTO journal VALUES (?1, ?2, ?3, ?4, ?5)")?.execute(params![
        partition.0,
        entry.sequence,
        entry.at.0,
        entry.bytes,
        crc_of_entry(partition, entry)
    ])?;
    Ok(())
}

/// Sequence of the oldest entry that is kept.
pub(crate) fn first(db: &Connection, partition: Partition) -> Sql<Option<u64>> {
    let first = db
        .prepare_cached("SELECT min(sequence) FROM journal WHERE partition = ?1 AND sequence >= 0")?
        .query_row(params![partition.0], |row| row.get::<_, Option<u64>>(0))?;
    Ok(first)
}

/// Journal entries kept with a sequence in `range`, checked: none between two others is missing.
pub(crate) fn within(
    db: &Connection,
    at: &str,
    partition: Partition,
    range: Range<u64>,
) -> Sql<Vec<JournalEntry>> {
    let mut select = db.prepare_cached(
        "SELECT sequence, position, bytes, crc FROM journal
         WHERE partition = ?1 AND sequence >= ?2 AND sequence < ?3 ORDER BY sequence",
    )?;
    let mut rows = select.query(params![partition.0, range.start, range.end])?;
    let mut entries: Vec<JournalEntry> = Vec::new();
    let damaged = |sequence: u64, what| -> Sql<Vec<JournalEntry>> {
        let at = format!("journal entry {sequence} of partition {partition} in {at}");
        Err(Error::Corrupt { at, what }.into())
    };
    while let Some(row) = rows.next()? {
        let sequence: u64 = row.get(0)?;
        let due = entries.last().map_or(sequence, |last| last.sequence + 1);
        if sequence != due {
            return damaged(due, "it is missing".to_owned());
        }
        let read = || Ok((Offset(row.get(1)?), row.get(2)?, row.get(3)?));
        let (position, bytes, crc): (_, _, u32) = match read() {
            Err(error) if is_foreign_value(&error) => return damaged(due, error.to_string()),
            read => read?,
        };
        let entry = JournalEntry { sequence, at: position, bytes };
        let found = crc_of_entry(partition, &entry);
        if found != crc {
            return damaged(due, format!("its CRC is {found:08x}, not {crc:08x}"));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The entries that `next` follows, of which the last one must be there, as must the first one when
/// a checkpoint precedes it.
pub(crate) fn up_to(
    db: &Connection,
    at: &str,
    partition: Partition,
    (from, next): (Option<u64>, u64),
) -> Sql<Vec<JournalEntry>> {
    let entries = within(db, at, partition, from.unwrap_or(0)..next)?;
    let first = entries.first().map_or(next, |entry| entry.sequence);
    let end = entries.last().map_or(first, |entry| entry.sequence + 1);
    let missing = match from {
        Some(from) if first != from => from,
        _ if end != next => end,
        _ => return Ok(entries),
    };
    let at = format!("journal entry {missing} of partition {partition} in {at}");
    Err(Error::Corrupt { at, what: "it is missing".to_owned() }.into())
}

/// Deletes entries before `below` that the oldest checkpoint holds.
pub(crate) fn prune(db: &Connection, partition: Partition, below: Offset) -> Sql<()> {
    db.prepare_cached(
        "DELETE FROM journal WHERE partition = ?1 AND position < ?2 AND sequence < ifnull(
             (SELECT journal_sequence FROM checkpoint WHERE partition = ?1
              ORDER BY number LIMIT 1), sequence + 1)",
    )?
    .execute(params![partition.0, below.0])?;
    Ok(())
}

/// CRC-32 of a row of table `journal`: little-endian numbers, then the bytes.
fn crc_of_entry(partition: Partition, entry: &JournalEntry) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    for number in [u64::from(partition.0), entry.sequence, entry.at.0] {
        crc.update(&number.to_le_bytes());
    }
    crc.update(&entry.bytes);
    crc.finalize()
}
