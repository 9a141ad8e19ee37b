//! Import notes, written in the transaction of their messages.
//!
//! The first import creates the table, so that older files get it as well, and older programs can
//! still open files that have it.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use crate::database::Database;
use crate::error::Sql;
use crate::topics::{self, Places};
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{APPEND_AFTER, APPEND_IN_TRANSACTION, pass};
use seismic_queue::{
    Block, Error, ImportLog, NoteChange, Partition, Result, Standing, Topic, clock,
};

/// By the topic's uid; a note of a message-less topic cannot be.
const TABLE: &str = "
CREATE TABLE IF NOT EXISTS import_note (
    topic TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (topic, key)
) STRICT, WITHOUT ROWID;
";

/// Remembers the imports of one topic.
pub(crate) struct SqliteImportLog {
    database: Arc<Database>,
    topic: Topic,
    places: Places,
}

impl SqliteImportLog {
    /// # Errors
    /// When the table cannot be made.
    pub(crate) fn open(database: Arc<Database>, topic: Topic, places: Places) -> Result<Self> {
        if !database.look("looking for notes of imports", has_table)? {
            database.writer.write("making notes of imports", |db| Ok(db.execute_batch(TABLE)?))?;
        }
        Ok(SqliteImportLog { database, topic, places })
    }

    fn note(&self, db: &Connection, key: &[u8]) -> Sql<Option<Vec<u8>>> {
        let mut select =
            db.prepare_cached("SELECT value FROM import_note WHERE topic = ?1 AND key = ?2")?;
        Ok(select.query_row(params![self.topic.id, key], |row| row.get(0)).optional()?)
    }

    fn write(
        &self,
        db: &Connection,
        blocks: &[(Partition, &Block)],
        changes: &[NoteChange],
    ) -> Sql<()> {
        // Also for notes alone: a topic that is gone has none.
        if let Some(&place) = self.places.first() {
            topics::still(db, &self.database.at, &self.topic, place)?;
        }
        let mut now = Vec::with_capacity(changes.len());
        for change in changes {
            now.push((change, self.note(db, &change.key)?));
        }
        match Standing::of(now) {
            Standing::Made => return Ok(()),
            Standing::Foreign => {
                return Err(Error::ImportedMeanwhile { at: self.database.at.clone() }.into());
            }
            Standing::Due => {}
        }
        let now_ms = clock::now_ms();
        for &(partition, block) in blocks {
            validate::partition(&self.topic, partition)?;
            topics::append(db, self.places[partition.0 as usize], block, 0, now_ms)?;
        }
        let mut insert =
            db.prepare_cached("INSERT OR REPLACE INTO import_note VALUES (?1, ?2, ?3)")?;
        for change in changes {
            insert.execute(params![self.topic.id, change.key, change.after])?;
        }
        pass(&self.database.at, APPEND_IN_TRANSACTION)?;
        Ok(())
    }
}

/// Forgets all notes of a topic.
pub(super) fn forget(db: &Connection, topic: &Topic) -> Sql<()> {
    db.execute("DELETE FROM import_note WHERE topic = ?1", [&topic.id])?;
    Ok(())
}

pub(super) fn has_table(db: &Connection) -> Sql<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'import_note'";
    Ok(db.query_row(sql, [], |row| row.get::<_, i64>(0))? > 0)
}

impl ImportLog for SqliteImportLog {
    fn notes(&mut self, prefix: &[u8]) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.database.look("reading notes of imports", |db| {
            let mut select = db.prepare_cached(
                "SELECT key, value FROM import_note WHERE topic = ?1 AND key >= ?2 ORDER BY key",
            )?;
            let mut rows = select.query(params![self.topic.id, prefix])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let key: Vec<u8> = row.get(0)?;
                if !key.starts_with(prefix) {
                    break;
                }
                found.push((key, row.get(1)?));
            }
            Ok(found)
        })
    }

    fn append(&mut self, blocks: &[(Partition, &Block)], changes: &[NoteChange]) -> Result<()> {
        self.database.writer.write("appending", |db| self.write(db, blocks, changes))?;
        pass(&self.database.at, APPEND_AFTER)?;
        Ok(())
    }
}
