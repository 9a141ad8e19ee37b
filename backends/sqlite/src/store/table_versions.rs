//! Versions of tables that the job looks things up in, and the notes of those tables.
//!
//! The tables are created when the first one is stored, so other stores keep their old layout.
//! `place` rises: what is stored last is the newest.

use rusqlite::{Connection, OptionalExtension as _, params};
use seismic_queue::TableVersion;

use crate::error::Sql;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS table_version (
    place INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL, content BLOB NOT NULL,
    UNIQUE (name, hash)
) STRICT;
CREATE TABLE IF NOT EXISTS table_note (
    name TEXT NOT NULL PRIMARY KEY, note BLOB NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Stores a version, as the newest.
pub(crate) fn put(db: &Connection, table: &str, hash: &str, content: &[u8]) -> Sql<()> {
    db.execute_batch(TABLES)?;
    let put = "INSERT OR REPLACE INTO table_version (place, name, hash, content)
               VALUES ((SELECT coalesce(max(place), 0) + 1 FROM table_version), ?1, ?2, ?3)";
    db.execute(put, params![table, hash, content])?;
    Ok(())
}

/// The content of a version.
pub(crate) fn get(db: &Connection, table: &str, hash: &str) -> Sql<Option<Vec<u8>>> {
    if !are_there(db)? {
        return Ok(None);
    }
    let find = "SELECT content FROM table_version WHERE name = ?1 AND hash = ?2";
    Ok(db.query_row(find, params![table, hash], |row| row.get(0)).optional()?)
}

/// All versions, the newest last.
pub(crate) fn all(db: &Connection) -> Sql<Vec<TableVersion>> {
    if !are_there(db)? {
        return Ok(Vec::new());
    }
    let list = "SELECT name, hash, length(content) FROM table_version ORDER BY place";
    let mut list = db.prepare(list)?;
    let versions = list.query_map([], |row| {
        let (table, hash, bytes) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(TableVersion { table, hash, bytes, ..TableVersion::default() })
    })?;
    Ok(versions.collect::<rusqlite::Result<_>>()?)
}

/// Forgets a version.
pub(crate) fn forget(db: &Connection, table: &str, hash: &str) -> Sql<()> {
    if are_there(db)? {
        db.execute("DELETE FROM table_version WHERE name = ?1 AND hash = ?2", [table, hash])?;
    }
    Ok(())
}

/// Stores the note of a table, which `status` shows.
pub(crate) fn put_note(db: &Connection, table: &str, note: &[u8]) -> Sql<()> {
    db.execute_batch(TABLES)?;
    db.execute("INSERT OR REPLACE INTO table_note VALUES (?1, ?2)", params![table, note])?;
    Ok(())
}

/// What was stored so last.
pub(crate) fn note(db: &Connection, table: &str) -> Sql<Option<Vec<u8>>> {
    if !are_there(db)? {
        return Ok(None);
    }
    let find = "SELECT note FROM table_note WHERE name = ?1";
    Ok(db.query_row(find, [table], |row| row.get(0)).optional()?)
}

fn are_there(db: &Connection) -> Sql<bool> {
    let count = "SELECT count(*) FROM sqlite_schema WHERE name IN ('table_version', 'table_note')";
    Ok(db.query_row(count, [], |row| row.get::<_, u32>(0))? == 2)
}
