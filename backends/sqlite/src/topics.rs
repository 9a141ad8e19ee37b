//! Topics, partitions, blocks and producers. Each statement runs in its caller's transaction.

use rusqlite::blob::ZeroBlob;
use rusqlite::{Connection, MAIN_DB, OptionalExtension, Row, params};

use crate::error::Sql;
use crate::limits;
use seismic_queue::backend::append_dedup::pieces;
use seismic_queue::message::new_id;
use seismic_queue::{Block, Error, Hold, Offset, Partition, Policy, Span, Topic};

/// Row ids of a topic's partitions, by number.
pub(crate) type Places = Vec<i64>;

pub(crate) fn topics(db: &Connection) -> Sql<Vec<Topic>> {
    let mut select = db.prepare_cached("SELECT name, uid, partitions FROM topic ORDER BY name")?;
    let topics = select.query_map([], topic_of)?.collect::<rusqlite::Result<_>>()?;
    Ok(topics)
}

pub(crate) fn find(db: &Connection, name: &str) -> Sql<Option<Topic>> {
    let mut select =
        db.prepare_cached("SELECT name, uid, partitions FROM topic WHERE name = ?1")?;
    Ok(select.query_row([name], topic_of).optional()?)
}

fn topic_of(row: &Row<'_>) -> rusqlite::Result<Topic> {
    Ok(Topic { name: row.get(0)?, id: row.get(1)?, partitions: row.get(2)? })
}

/// The topic of that name, made if it is missing.
pub(crate) fn create(db: &Connection, name: &str, partitions: u32) -> Sql<Topic> {
    if let Some(topic) = find(db, name)? {
        return Ok(topic);
    }
    let topic = Topic { name: name.to_owned(), id: new_id(), partitions };
    db.prepare_cached("INSERT INTO topic (name, uid, partitions) VALUES (?1, ?2, ?3)")?
        .execute(params![topic.name, topic.id, partitions])?;
    let id = db.last_insert_rowid();
    let mut insert = db.prepare_cached("INSERT INTO partition (topic, number) VALUES (?1, ?2)")?;
    for partition in topic.all() {
        insert.execute(params![id, partition.0])?;
    }
    Ok(topic)
}

/// Deletes exactly that topic with its messages. The rows of its partitions stay, empty and of no
/// topic: whoever still reads one finds nothing, and not what another topic has at the same place.
pub(crate) fn delete(db: &Connection, at: &str, topic: &Topic) -> Sql<()> {
    for place in places(db, at, topic)? {
        db.execute("DELETE FROM block WHERE partition = ?1", [place])?;
        db.execute("DELETE FROM producer WHERE partition = ?1", [place])?;
        db.execute("DELETE FROM hold WHERE partition = ?1", [place])?;
        // Negative numbers are of no topic, and each is used once.
        db.execute(
            "UPDATE partition SET topic = -id, first = next, bytes = 0 WHERE id = ?1",
            [place],
        )?;
    }
    db.execute("DELETE FROM topic WHERE uid = ?1", [&topic.id])?;
    Ok(())
}

/// Refuses when the topic of a place was deleted since somebody found it: what is appended there is
/// read by nobody. One look for all places of a topic, which go together.
pub(crate) fn still(db: &Connection, at: &str, topic: &Topic, place: i64) -> Sql<()> {
    let mut select =
        db.prepare_cached("SELECT count(*) FROM partition WHERE id = ?1 AND topic > 0")?;
    match select.query_row([place], |row| row.get::<_, i64>(0))? {
        0 => Err(Error::TopicMissing { topic: topic.name.clone(), at: at.to_owned() }.into()),
        _ => Ok(()),
    }
}

/// The places of exactly that topic, not of a later one with its name.
pub(crate) fn places(db: &Connection, at: &str, topic: &Topic) -> Sql<Places> {
    let mut select = db.prepare_cached(
        "SELECT partition.id FROM partition JOIN topic ON topic.id = partition.topic
         WHERE topic.uid = ?1 ORDER BY number",
    )?;
    let places: Places =
        select.query_map([&topic.id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if places.is_empty() {
        let (topic, at) = (topic.name.clone(), at.to_owned());
        return Err(Error::TopicMissing { topic, at }.into());
    }
    same_count(at, &topic.name, topic.partitions, &places)?;
    Ok(places)
}

/// Callers check a partition against the topic and then take its place: both must agree.
pub(crate) fn same_count(at: &str, name: &str, partitions: u32, places: &Places) -> Sql<()> {
    if places.len() == partitions as usize {
        return Ok(());
    }
    let have = places.len();
    let what = format!("topic {name:?} has {have} partitions where {partitions} are named");
    Err(Error::Corrupt { at: at.to_owned(), what }.into())
}

pub(crate) fn span(db: &Connection, place: i64) -> Sql<Span> {
    let mut select = db.prepare_cached("SELECT first, next FROM partition WHERE id = ?1")?;
    Ok(select.query_row([place], |row| {
        Ok(Span { first: Offset(row.get(0)?), end: Offset(row.get(1)?) })
    })?)
}

pub(crate) fn spans(db: &Connection, places: &Places) -> Sql<Vec<Span>> {
    places.iter().map(|&place| span(db, place)).collect()
}

pub(crate) fn offset_at(db: &Connection, place: i64, time_ms: i64) -> Sql<Offset> {
    let mut select = db.prepare_cached(
        "SELECT base FROM block WHERE partition = ?1 AND append_ms >= ?2 ORDER BY base LIMIT 1",
    )?;
    let found =
        select.query_row(params![place, time_ms], |row| Ok(Offset(row.get(0)?))).optional()?;
    found.map_or_else(|| Ok(span(db, place)?.end), Ok)
}

/// Appends `block` without its first `skip` messages and gives the partition's new end.
/// `now_ms` is kept as the clock says it, also when that went back: who needs a time that does not
/// takes the maximum, and who judges silences must see the truth.
pub(crate) fn append(
    db: &Connection,
    place: i64,
    block: &Block,
    skip: u32,
    now_ms: i64,
) -> Sql<Offset> {
    let mut select = db.prepare_cached("SELECT next FROM partition WHERE id = ?1")?;
    let mut end: Offset = select.query_row([place], |row| Ok(Offset(row.get(0)?)))?;
    if block.count() == skip {
        return Ok(end);
    }
    let mut size = 0;
    for (count, bytes) in pieces(block, skip) {
        let is_large = bytes.len() >= limits::WRITE_IN_PLACE_BYTES;
        insert(db, place, (end, count, now_ms), bytes, is_large)?;
        end = Offset(end.0 + u64::from(count));
        size += bytes.len();
    }
    db.prepare_cached("UPDATE partition SET next = ?2, bytes = bytes + ?3 WHERE id = ?1")?
        .execute(params![place, end.0, size])?;
    Ok(end)
}

/// Stores a block with its base, count and append time. In place, its bytes go right into the
/// file's pages; else SQLite copies them twice on the way, into memory that is new each time.
fn insert(
    db: &Connection,
    place: i64,
    (base, count, append_ms): (Offset, u32, i64),
    bytes: &[u8],
    in_place: bool,
) -> Sql<()> {
    let crc = crc(base, count, append_ms, bytes);
    let mut insert = db.prepare_cached(
        "INSERT INTO block (partition, base, count, append_ms, crc, bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    if !in_place {
        insert.execute(params![place, base.0, count, append_ms, crc, bytes])?;
        return Ok(());
    }
    let room = ZeroBlob(bytes.len() as u64);
    let row = insert.insert(params![place, base.0, count, append_ms, crc, room])?;
    let mut blob = db.blob_open(MAIN_DB, "block", "bytes", row, false)?;
    blob.write_all_at(bytes, 0)?;
    Ok(blob.close()?)
}

/// CRC-32 of a block with all that says where and when it is: little-endian `base`, `count` and
/// `append_ms`, then the bytes.
pub(crate) fn crc(base: Offset, count: u32, append_ms: i64, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&base.0.to_le_bytes());
    hasher.update(&count.to_le_bytes());
    hasher.update(&append_ms.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize()
}

/// Sequence number expected next from a producer.
pub(crate) fn next_sequence(db: &Connection, place: i64, producer: &str) -> Sql<u64> {
    let mut select =
        db.prepare_cached("SELECT next_sequence FROM producer WHERE partition = ?1 AND id = ?2")?;
    let known = select.query_row(params![place, producer], |row| row.get(0)).optional()?;
    Ok(known.unwrap_or(0))
}

/// Notes what a producer sent; `end` is the partition's end after it.
pub(crate) fn produced(
    db: &Connection,
    place: i64,
    producer: &str,
    next_sequence: u64,
    end: Offset,
) -> Sql<()> {
    let known = db
        .prepare_cached(
            "UPDATE producer SET next_sequence = ?3, last = ?4 WHERE partition = ?1 AND id = ?2",
        )?
        .execute(params![place, producer, next_sequence, end.0])?;
    if known > 0 {
        return Ok(());
    }
    db.prepare_cached("INSERT INTO producer VALUES (?1, ?2, ?3, ?4)")?.execute(params![
        place,
        producer,
        next_sequence,
        end.0
    ])?;
    db.prepare_cached(
        "DELETE FROM producer WHERE partition = ?1 AND last < (
             SELECT last FROM producer WHERE partition = ?1 ORDER BY last DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute(params![place, seismic_queue::limits::PRODUCERS_KEPT - 1])?;
    Ok(())
}

/// Says up to where `holder` has come in one partition.
pub(crate) fn hold(db: &Connection, place: i64, holder: &str, from: Offset) -> Sql<()> {
    db.prepare_cached("INSERT OR REPLACE INTO hold VALUES (?1, ?2, ?3)")?
        .execute(params![place, holder, from.0])?;
    Ok(())
}

pub(crate) fn release(db: &Connection, place: i64, holder: &str) -> Sql<()> {
    db.prepare_cached("DELETE FROM hold WHERE partition = ?1 AND holder = ?2")?
        .execute(params![place, holder])?;
    Ok(())
}

/// Who holds a partition, the one that needs the oldest messages first.
pub(crate) fn holds(db: &Connection, place: i64, partition: Partition) -> Sql<Vec<Hold>> {
    let mut select = db.prepare_cached(
        "SELECT holder, offset FROM hold WHERE partition = ?1 ORDER BY offset, holder",
    )?;
    let holds = select.query_map([place], |row| {
        Ok(Hold { holder: row.get(0)?, partition, offset: Offset(row.get(1)?) })
    })?;
    Ok(holds.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn policy(db: &Connection, topic: &Topic) -> Sql<Policy> {
    let mut select = db.prepare_cached("SELECT max_age_ms, max_bytes FROM topic WHERE uid = ?1")?;
    Ok(select.query_row([&topic.id], |row| {
        Ok(Policy { max_age_ms: row.get(0)?, max_bytes: row.get(1)? })
    })?)
}

pub(crate) fn set_policy(db: &Connection, topic: &Topic, policy: Policy) -> Sql<()> {
    db.prepare_cached("UPDATE topic SET max_age_ms = ?2, max_bytes = ?3 WHERE uid = ?1")?
        .execute(params![topic.id, policy.max_age_ms, policy.max_bytes])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::Database;
    use crate::schema::Layout;

    /// What is stored when these blocks are, one behind the other.
    fn stored(blocks: &[Vec<u8>], in_place: bool) -> Vec<(i64, i64, i64, i64, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("queue.db");
        let file = Database::open_or_make(&at, Layout::Queue, limits::QUEUE_PAGE_BYTES).unwrap();
        let written = file.writer.write("storing blocks", |db| {
            for (base, bytes) in (0..).map(Offset).zip(blocks) {
                insert(db, 7, (base, 1, 5), bytes, in_place)?;
            }
            Ok(())
        });
        written.map_err(Error::from).unwrap();
        file.look("reading blocks", |db| {
            let mut select =
                db.prepare("SELECT base, count, append_ms, crc, bytes FROM block ORDER BY rowid")?;
            let row = |row: &Row<'_>| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            };
            Ok(select.query_map([], row)?.collect::<rusqlite::Result<_>>()?)
        })
        .unwrap()
    }

    #[test]
    fn a_block_that_is_written_in_place_is_the_one_that_is_bound() {
        let page = limits::QUEUE_PAGE_BYTES;
        let sizes = [1, 100, page - 100, page, page + 1, 10 * page, limits::WRITE_IN_PLACE_BYTES];
        let sizes = sizes.into_iter().chain([seismic_queue::limits::BLOCK_BYTES, 5 << 20]);
        let blocks: Vec<Vec<u8>> =
            sizes.map(|size| (0..size).map(|at| (at * 31 + size) as u8).collect()).collect();
        let bound = stored(&blocks, false);
        assert!(bound.iter().map(|row| &row.4).eq(&blocks));
        assert_eq!(bound, stored(&blocks, true));
    }
}
