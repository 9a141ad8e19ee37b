//! Additional data of jobs with several inputs or keyed outputs. Each statement runs in its
//! caller's transaction; the tables are described in `schema.rs`.

use rusqlite::{Connection, OptionalExtension, params};

use crate::cuts::{self, StoredBlock};
use crate::error::Sql;
use crate::{schema, topics};
use seismic_queue::{Block, Error, Job, Offset, OutputSpec, Partition, PartitionBy, Span, Topic};

/// Writes down the inputs and outputs of a job, in a store that has just been made for it.
pub(crate) fn create(db: &Connection, job: &Job) -> Sql<()> {
    schema::add_shape(db)?;
    for (input, topic) in job.inputs.iter().enumerate().skip(1) {
        db.execute(
            "INSERT INTO further_input VALUES (?1, ?2, ?3)",
            params![input, topic.name, topic.id],
        )?;
    }
    for (place, OutputSpec { role, topic, partition_by }) in job.outputs.iter().enumerate() {
        let partitions = match partition_by {
            PartitionBy::Input => None,
            PartitionBy::Key { partitions } => Some(*partitions),
        };
        db.execute(
            "INSERT INTO output VALUES (?1, ?2, ?3, ?4)",
            params![place, role, topic, partitions],
        )?;
    }
    Ok(())
}

/// Completes a job that was read from table `home`.
pub(crate) fn complete(db: &Connection, job: &mut Job) -> Sql<()> {
    let partitions = job.partitions();
    let mut select = db.prepare_cached("SELECT name, uid FROM further_input ORDER BY input")?;
    let further = select
        .query_map([], |row| Ok(Topic { name: row.get(0)?, id: row.get(1)?, partitions }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    job.inputs.extend(further);
    let mut select =
        db.prepare_cached("SELECT role, topic, partitions FROM output ORDER BY place")?;
    let outputs = select.query_map([], |row| {
        let partition_by = match row.get::<_, Option<u32>>(2)? {
            None => PartitionBy::Input,
            Some(partitions) => PartitionBy::Key { partitions },
        };
        Ok(OutputSpec { role: row.get(0)?, topic: row.get(1)?, partition_by })
    })?;
    job.outputs = outputs.collect::<rusqlite::Result<_>>()?;
    Ok(())
}

/// Writes the next offsets of the further inputs, which go with the commit of that number.
pub(crate) fn put_progress(
    db: &Connection,
    partition: Partition,
    number: u64,
    further: &[Offset],
) -> Sql<()> {
    for (input, next) in (1_u64..).zip(further) {
        let crc = crc([u64::from(partition.0), input, number, next.0]);
        db.prepare_cached("INSERT OR REPLACE INTO further_progress VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![partition.0, input, number, next.0, crc])?;
    }
    Ok(())
}

/// The next offsets of the further inputs after the commit of that number, checked.
pub(crate) fn progress(
    db: &Connection,
    at: &str,
    partition: Partition,
    number: u64,
) -> Sql<Vec<Offset>> {
    if !schema::is_shaped(db)? {
        return Ok(Vec::new());
    }
    let damaged = |input: u64, what: &str| {
        let at = format!("the position of partition {partition} in further input {input} in {at}");
        Err(Error::Corrupt { at, what: what.to_owned() }.into())
    };
    let inputs: u64 =
        db.prepare_cached("SELECT count(*) FROM further_input")?.query_row([], |row| row.get(0))?;
    let mut further = Vec::new();
    for input in 1..=inputs {
        let found = db
            .prepare_cached(
                "SELECT number, next, crc FROM further_progress WHERE partition = ?1 AND input = ?2",
            )?
            .query_row(params![partition.0, input], |row| {
                Ok((row.get::<_, u64>(0)?, Offset(row.get(1)?), row.get::<_, u32>(2)?))
            })
            .optional()?;
        let Some((of, next, stored)) = found else { return damaged(input, "it is missing") };
        if stored != crc([u64::from(partition.0), input, of, next.0]) {
            return damaged(input, "its CRC is another one");
        }
        if of != number {
            return damaged(input, "it is of another commit");
        }
        further.push(next);
    }
    Ok(further)
}

/// CRC-32 of a row of table `further_progress`: little-endian numbers in the order of the columns.
fn crc(numbers: [u64; 4]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    numbers.iter().for_each(|number| crc.update(&number.to_le_bytes()));
    crc.finalize()
}

/// Writes the positions of a checkpoint in the further inputs.
pub(crate) fn put_positions(
    db: &Connection,
    partition: Partition,
    checkpoint: u64,
    further: &[Offset],
) -> Sql<()> {
    for (input, position) in (1_u64..).zip(further) {
        db.prepare_cached("INSERT INTO further_position VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![partition.0, checkpoint, input, position.0])?;
    }
    Ok(())
}

/// The positions of a checkpoint in the further inputs.
pub(crate) fn positions(
    db: &Connection,
    partition: Partition,
    checkpoint: u64,
) -> Sql<Vec<Offset>> {
    if !schema::is_shaped(db)? {
        return Ok(Vec::new());
    }
    let mut select = db.prepare_cached(
        "SELECT position FROM further_position WHERE partition = ?1 AND checkpoint = ?2
         ORDER BY input",
    )?;
    let found = select.query_map(params![partition.0, checkpoint], |row| row.get(0).map(Offset))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Forgets the positions of checkpoints that are no longer there.
pub(crate) fn prune_positions(db: &Connection, partition: Partition) -> Sql<()> {
    if schema::is_shaped(db)? {
        db.prepare_cached(
            "DELETE FROM further_position WHERE partition = ?1 AND checkpoint NOT IN (
                 SELECT number FROM checkpoint WHERE partition = ?1)",
        )?
        .execute(params![partition.0])?;
    }
    Ok(())
}

/// Appends rows of `origin` to a partition of a keyed output.
pub(crate) fn append(
    db: &Connection,
    place: i64,
    origin: Partition,
    rows: &Block,
    now_ms: i64,
) -> Sql<()> {
    let end = topics::span(db, place)?.end;
    topics::append(db, place, rows, 0, now_ms)?;
    db.prepare_cached(
        "INSERT INTO keyed_block SELECT partition, base, ?3 FROM block
         WHERE partition = ?1 AND base >= ?2",
    )?
    .execute(params![place, end.0, origin.0])?;
    // Retention deletes blocks from the oldest on.
    db.prepare_cached(
        "DELETE FROM keyed_block WHERE partition = ?1
         AND base < (SELECT first FROM partition WHERE id = ?1)",
    )?
    .execute(params![place])?;
    Ok(())
}

/// Takes out the last `count` messages that `origin` wrote to a partition, or as many as are there;
/// those of others between them stay. Gives the offset of the first that went, or the end.
pub(crate) fn cut_last_of(
    db: &Connection,
    place: i64,
    origin: Partition,
    count: u64,
) -> Sql<Offset> {
    let (mut to_go, mut size, mut left) = (count, 0, topics::span(db, place)?.end);
    let mut cuts = cuts::cuts(db, place)?;
    while to_go > 0 {
        let Some(last) = last_of(db, place, origin)? else { break };
        let gone = to_go.min(u64::from(last.count));
        to_go -= gone;
        left = Offset(last.end().0 - gone);
        cuts.push(Span { first: left, end: last.end() });
        size += last.shorten(db, gone as u32)?;
        if gone == u64::from(last.count) {
            db.prepare_cached("DELETE FROM keyed_block WHERE partition = ?1 AND base = ?2")?
                .execute(params![place, last.base.0])?;
        }
    }
    cuts::put_cuts(db, place, cuts)?;
    db.prepare_cached("UPDATE partition SET bytes = bytes - ?2 WHERE id = ?1")?
        .execute(params![place, size])?;
    Ok(left)
}

fn last_of(db: &Connection, place: i64, origin: Partition) -> Sql<Option<StoredBlock>> {
    let mut select = db.prepare_cached(
        "SELECT block.rowid, block.base, count, append_ms, bytes FROM keyed_block
         JOIN block ON block.partition = keyed_block.partition AND block.base = keyed_block.base
         WHERE keyed_block.partition = ?1 AND origin = ?2 ORDER BY keyed_block.base DESC LIMIT 1",
    )?;
    Ok(select.query_row(params![place, origin.0], StoredBlock::of_row).optional()?)
}
