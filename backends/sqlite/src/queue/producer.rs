//! Appending: blocks and the state of their producer in one transaction, as long as the topic is
//! there.

use std::sync::Arc;

use rusqlite::Connection;

use crate::database::Database;
use crate::error::Sql;
use crate::topics::{self, Places};
use seismic_queue::backend::append_dedup::recognised;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{APPEND_AFTER, APPEND_IN_TRANSACTION, pass};
use seismic_queue::{Append, Appended, Partition, Producer, Result, Topic, clock};

/// Appends to one topic for one producer id.
pub(crate) struct SqliteProducer {
    database: Arc<Database>,
    topic: Topic,
    places: Places,
    id: String,
}

impl SqliteProducer {
    pub(crate) fn new(database: Arc<Database>, topic: Topic, places: Places, id: &str) -> Self {
        SqliteProducer { database, topic, places, id: id.to_owned() }
    }

    fn place(&self, partition: Partition) -> Result<i64> {
        validate::partition(&self.topic, partition)?;
        Ok(self.places[partition.0 as usize])
    }

    fn append_one(&self, db: &Connection, append: &Append<'_>, now_ms: i64) -> Sql<Appended> {
        let place = self.place(append.partition)?;
        let expected = topics::next_sequence(db, place, &self.id)?;
        let skip = recognised(&self.topic, &self.id, append, expected)?;
        let written = u64::from(append.block.count() - skip);
        if written > 0 {
            let end = topics::append(db, place, append.block, skip, now_ms)?;
            topics::produced(db, place, &self.id, expected + written, end)?;
        }
        Ok(Appended { written, recognised: u64::from(skip) })
    }
}

impl Producer for SqliteProducer {
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
        let at = &self.database.at;
        let appended = self.database.writer.write("appending", |db| {
            if let Some(append) = appends.first() {
                topics::still(db, at, &self.topic, self.place(append.partition)?)?;
            }
            let now_ms = clock::now_ms();
            let mut sum = Appended::default();
            for append in appends {
                let one = self.append_one(db, append, now_ms)?;
                sum.written += one.written;
                sum.recognised += one.recognised;
            }
            pass(at, APPEND_IN_TRANSACTION)?;
            Ok(sum)
        })?;
        pass(at, APPEND_AFTER)?;
        Ok(appended)
    }

    fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
        let place = self.place(partition)?;
        let Database { at, .. } = &*self.database;
        self.database.look("asking for a producer", |db| {
            topics::still(db, at, &self.topic, place)?;
            topics::next_sequence(db, place, &self.id)
        })
    }
}
