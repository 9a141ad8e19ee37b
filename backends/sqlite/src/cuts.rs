//! Cuts of rewinds: removing messages at the end of partitions, and recording the removed spans.
//! Each statement runs in its caller's transaction.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Sql;
use crate::topics;
use seismic_queue::message::next_message;
use seismic_queue::{Error, Offset, Span};

/// Takes the last `count` messages out of a partition, or as many as are there. Their offsets are
/// never used again. Gives the offset after what is left.
pub(crate) fn cut(db: &Connection, place: i64, count: u64) -> Sql<Offset> {
    let Span { first, end } = topics::span(db, place)?;
    let (mut to_go, mut size) = (count, 0);
    while to_go > 0 {
        let Some(last) = last_block(db, place)? else {
            break;
        };
        let gone = to_go.min(u64::from(last.count));
        to_go -= gone;
        size += last.shorten(db, gone as u32)?;
    }
    if count == 0 || first == end {
        return Ok(end);
    }
    let left = last_block(db, place)?.map_or(first, |last| last.end());
    db.prepare_cached("DELETE FROM cut WHERE partition = ?1 AND first >= ?2")?
        .execute(params![place, left.0])?;
    db.prepare_cached("INSERT INTO cut VALUES (?1, ?2, ?3)")?
        .execute(params![place, left.0, end.0])?;
    db.prepare_cached("UPDATE partition SET bytes = bytes - ?2 WHERE id = ?1")?
        .execute(params![place, size])?;
    Ok(left)
}

/// A stored block.
pub(crate) struct StoredBlock {
    row: i64,
    pub(crate) base: Offset,
    pub(crate) count: u32,
    append_ms: i64,
    bytes: Vec<u8>,
}

fn last_block(db: &Connection, place: i64) -> Sql<Option<StoredBlock>> {
    let mut select = db.prepare_cached(
        "SELECT rowid, base, count, append_ms, bytes FROM block
         WHERE partition = ?1 ORDER BY base DESC LIMIT 1",
    )?;
    Ok(select.query_row([place], StoredBlock::of_row).optional()?)
}

impl StoredBlock {
    pub(crate) fn of_row(row: &Row<'_>) -> rusqlite::Result<StoredBlock> {
        let (base, count, append_ms) = (Offset(row.get(1)?), row.get(2)?, row.get(3)?);
        Ok(StoredBlock { row: row.get(0)?, base, count, append_ms, bytes: row.get(4)? })
    }

    pub(crate) fn end(&self) -> Offset {
        Offset(self.base.0 + u64::from(self.count))
    }

    /// Takes the last `gone` messages out; the bytes that went.
    pub(crate) fn shorten(&self, db: &Connection, gone: u32) -> Sql<usize> {
        if gone == self.count {
            db.prepare_cached("DELETE FROM block WHERE rowid = ?1")?.execute([self.row])?;
            return Ok(self.bytes.len());
        }
        let (left, mut size) = (self.count - gone, 0);
        for _ in 0..left {
            if next_message(&self.bytes, &mut size).is_none() {
                let what = format!("a block does not hold {} messages", self.count);
                return Err(Error::Corrupt { at: format!("offset {}", self.base), what }.into());
            }
        }
        let bytes = &self.bytes[..size];
        let crc = topics::crc(self.base, left, self.append_ms, bytes);
        db.prepare_cached("UPDATE block SET count = ?2, crc = ?3, bytes = ?4 WHERE rowid = ?1")?
            .execute(params![self.row, left, crc, bytes])?;
        Ok(self.bytes.len() - size)
    }
}

/// What rewinds took out of a partition, in order.
pub(crate) fn cuts(db: &Connection, place: i64) -> Sql<Vec<Span>> {
    let mut select =
        db.prepare_cached("SELECT first, next FROM cut WHERE partition = ?1 ORDER BY first")?;
    let cuts = select.query_map([place], |row| {
        Ok(Span { first: Offset(row.get(0)?), end: Offset(row.get(1)?) })
    })?;
    Ok(cuts.collect::<rusqlite::Result<_>>()?)
}

/// Writes down all that rewinds took out of a partition, in as few spans as can be.
pub(crate) fn put_cuts(db: &Connection, place: i64, cuts: Vec<Span>) -> Sql<()> {
    db.prepare_cached("DELETE FROM cut WHERE partition = ?1")?.execute([place])?;
    let mut insert = db.prepare_cached("INSERT INTO cut VALUES (?1, ?2, ?3)")?;
    for Span { first, end } in Span::joined(cuts) {
        insert.execute(params![place, first.0, end.0])?;
    }
    Ok(())
}

/// Where reading continues from `at`: there, or after what a rewind took out.
pub(crate) fn past_cut(db: &Connection, place: i64, at: Offset) -> Sql<Offset> {
    let mut select = db.prepare_cached(
        "SELECT next FROM cut WHERE partition = ?1 AND first <= ?2 AND next > ?2",
    )?;
    let past = select.query_row(params![place, at.0], |row| Ok(Offset(row.get(0)?))).optional()?;
    Ok(past.unwrap_or(at))
}
