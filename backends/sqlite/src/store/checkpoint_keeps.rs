//! How many of the newest checkpoints are kept, where that is not the usual number. Each statement
//! runs in its caller's transaction.
//!
//! The table is made with the first checkpoint that needs it, so a store of a job that says nothing
//! of it is as it ever was. A version that does not know the table keeps the usual number.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use crate::error::Sql;
use seismic_queue::{Partition, limits};

/// Of each checkpoint that says something else than [`limits::CHECKPOINTS_NEWEST`].
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS checkpoint_keeps (
    partition INTEGER NOT NULL, number INTEGER NOT NULL, newest INTEGER NOT NULL,
    PRIMARY KEY (partition, number)
) STRICT, WITHOUT ROWID;
";

/// What a checkpoint says that is not in the table.
pub(crate) const USUAL: u32 = limits::CHECKPOINTS_NEWEST as u32;

fn is_there(db: &Connection) -> Sql<bool> {
    let mut select = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'checkpoint_keeps')",
    )?;
    Ok(select.query_row([], |row| row.get(0))?)
}

/// Writes down what a checkpoint says that is about to be made.
pub(crate) fn put(db: &Connection, partition: Partition, number: u64, keeps: u32) -> Sql<()> {
    if keeps == USUAL {
        return Ok(());
    }
    if !is_there(db)? {
        db.execute_batch(TABLE)?;
    }
    db.prepare_cached("INSERT OR REPLACE INTO checkpoint_keeps VALUES (?1, ?2, ?3)")?
        .execute(params![partition.0, number, keeps])?;
    Ok(())
}

/// What checkpoints of a partition say, by their numbers; [`USUAL`] of those that are missing.
pub(crate) fn of_each(db: &Connection, partition: Partition) -> Sql<BTreeMap<u64, u32>> {
    if !is_there(db)? {
        return Ok(BTreeMap::new());
    }
    let mut select =
        db.prepare_cached("SELECT number, newest FROM checkpoint_keeps WHERE partition = ?1")?;
    let all = select.query_map(params![partition.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(all.collect::<rusqlite::Result<_>>()?)
}

/// Forgets what checkpoints said that are no longer there.
pub(crate) fn prune(db: &Connection, partition: Partition) -> Sql<()> {
    if is_there(db)? {
        db.prepare_cached(
            "DELETE FROM checkpoint_keeps WHERE partition = ?1 AND number NOT IN (
                 SELECT number FROM checkpoint WHERE partition = ?1)",
        )?
        .execute(params![partition.0])?;
    }
    Ok(())
}
