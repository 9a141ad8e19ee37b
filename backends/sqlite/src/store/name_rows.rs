//! Rows of checkpoint names. Each statement runs in its caller's transaction. Operations on names
//! are in `checkpoint_names.rs`.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Sql;
use seismic_queue::{Partition, PartitionCommit};

/// Names the checkpoint that a commit seals. The answer of the last partition makes a name whole.
pub(crate) fn name_sealed(db: &Connection, new: &PartitionCommit) -> Sql<()> {
    let Some(manifest) = &new.manifest else {
        return Ok(());
    };
    if let Some(name) = &new.name {
        put(db, name, new.partition, manifest.checkpoint)?;
    }
    for id in &new.answers {
        let asked = db
            .prepare_cached("SELECT name FROM asked WHERE id = ?1")?
            .query_row([id], |row| row.get::<_, String>(0));
        // Taken back meanwhile, or answered by all.
        let Some(name) = asked.optional()? else {
            continue;
        };
        put(db, &name, new.partition, manifest.checkpoint)?;
        db.prepare_cached(
            "DELETE FROM asked WHERE id = ?1 AND (SELECT count(*) FROM name WHERE name = ?2)
             = (SELECT partitions FROM home)",
        )?
        .execute(params![id, name])?;
    }
    Ok(())
}

/// The first answer of a partition counts.
pub(crate) fn put(db: &Connection, name: &str, partition: Partition, checkpoint: u64) -> Sql<()> {
    db.prepare_cached("INSERT OR IGNORE INTO name VALUES (?1, ?2, ?3)")?.execute(params![
        name,
        partition.0,
        checkpoint
    ])?;
    Ok(())
}

/// Partitions in which there is a checkpoint of that name.
pub(crate) fn partitions(db: &Connection, name: &str) -> Sql<Vec<Partition>> {
    let mut select =
        db.prepare_cached("SELECT partition FROM name WHERE name = ?1 ORDER BY partition")?;
    let partitions = select.query_map([name], |row| row.get(0).map(Partition))?;
    Ok(partitions.collect::<rusqlite::Result<_>>()?)
}

/// Names of one checkpoint.
pub(crate) fn of(db: &Connection, partition: Partition, checkpoint: u64) -> Sql<Vec<String>> {
    let mut select = db.prepare_cached(
        "SELECT name FROM name WHERE partition = ?1 AND checkpoint = ?2 ORDER BY name",
    )?;
    let names = select.query_map(params![partition.0, checkpoint], |row| row.get(0))?;
    Ok(names.collect::<rusqlite::Result<_>>()?)
}
