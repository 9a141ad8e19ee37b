//! State of sinks besides their positions: one row for each sink and key.
//!
//! The table is created when the first sink stores something, so other stores keep their old
//! layout.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::Sql;

const TABLE: &str = "
CREATE TABLE IF NOT EXISTS sink_state (
    sink TEXT NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL, PRIMARY KEY (sink, key)
) STRICT, WITHOUT ROWID;
";

/// Stores the state of a sink under a key.
pub(crate) fn put(db: &Connection, sink: &str, key: &str, state: &[u8]) -> Sql<()> {
    db.execute_batch(TABLE)?;
    db.execute("INSERT OR REPLACE INTO sink_state VALUES (?1, ?2, ?3)", params![sink, key, state])?;
    Ok(())
}

/// What a sink stored last under a key.
pub(crate) fn get(db: &Connection, sink: &str, key: &str) -> Sql<Option<Vec<u8>>> {
    let is_there = "SELECT count(*) FROM sqlite_schema WHERE name = 'sink_state'";
    if db.query_row(is_there, [], |row| row.get::<_, u32>(0))? == 0 {
        return Ok(None);
    }
    let find = "SELECT state FROM sink_state WHERE sink = ?1 AND key = ?2";
    Ok(db.query_row(find, params![sink, key], |row| row.get(0)).optional()?)
}
