//! Reading blocks, with a connection for each reader and a transaction for each statement, so that
//! no reader keeps the WAL from starting over.

use std::time::Duration;

use rusqlite::{Connection, MAIN_DB, Row, params};

use crate::cuts;
use crate::error::{Fault, Sql};
use crate::in_flight::{InFlight, commits};
use crate::limits;
use crate::topics::{self, Places};
use seismic_queue::backend::polling_reader::Log;
use seismic_queue::backend::validate;
use seismic_queue::{Batch, Error, Offset, Partition, Result, Span, Topic};

/// A topic as one reader sees it.
pub(crate) struct SqliteLog {
    db: Connection,
    at: String,
    topic: Topic,
    places: Places,
    /// SQLite's count of changes by other connections.
    seen: Option<i64>,
    in_flight: InFlight,
}

impl SqliteLog {
    pub(crate) fn new(db: Connection, at: String, topic: Topic, places: Places) -> Self {
        SqliteLog { db, at, topic, places, seen: None, in_flight: InFlight::default() }
    }

    fn span(&self, partition: Partition) -> Sql<Span> {
        validate::partition(&self.topic, partition)?;
        topics::span(&self.db, self.places[partition.0 as usize])
    }

    /// Where reading continues, if the log has it or will have it next.
    fn wanted(&self, partition: Partition, wanted: Offset) -> Sql<Span> {
        let topic = self.topic.name.clone();
        let Span { first, end } = self.span(partition)?;
        if wanted < first {
            return Err(Error::OffsetGone { topic, partition, wanted, first }.into());
        }
        if wanted > end {
            return Err(Error::OffsetBeyond { topic, partition, wanted, end }.into());
        }
        Ok(Span { first, end })
    }

    fn fill(&self, into: &mut Batch) -> Sql<()> {
        let (partition, from) = (into.partition(), into.next());
        let end = self.wanted(partition, from)?.end;
        into.skip_to(cuts::past_cut(&self.db, self.places[partition.0 as usize], from)?);
        let from = into.next();
        if end == from {
            return Ok(());
        }
        let mut select = self.db.prepare_cached(
            "SELECT base, count, append_ms, crc, length(bytes), rowid,
                 CASE WHEN length(bytes) < ?3 THEN bytes END
             FROM block
             WHERE partition = ?1 AND base >= (
                 SELECT max(base) FROM block WHERE partition = ?1 AND base <= ?2)
             ORDER BY base",
        )?;
        let place = self.places[partition.0 as usize];
        let mut rows = select.query(params![place, from.0, limits::READ_IN_PLACE_BYTES])?;
        while let Some(row) = rows.next()? {
            if Offset(row.get(0)?) > into.next() {
                into.skip_to(cuts::past_cut(&self.db, place, into.next())?);
            }
            // What is whole before a damaged block is still given out.
            if let Err(what) = self.read_block(row, into)? {
                return if into.is_empty() { Err(self.damage(into, what)) } else { Ok(()) };
            }
            if into.size() + seismic_queue::limits::BLOCK_BYTES > seismic_queue::limits::BATCH_BYTES
            {
                break;
            }
        }
        if into.is_empty() {
            // Retention may have deleted it since.
            self.wanted(partition, from)?;
            return Err(self.damage(into, "the block is missing".to_owned()));
        }
        Ok(())
    }

    fn damage(&self, into: &Batch, what: String) -> Fault {
        let (topic, partition, offset) = (&self.topic.name, into.partition(), into.next());
        let at = format!("offset {offset} of {topic}/{partition} in {}", self.at);
        Error::Corrupt { at, what }.into()
    }

    /// Takes a block into the batch, or says what is wrong with it.
    fn read_block(&self, row: &Row<'_>, into: &mut Batch) -> Sql<std::result::Result<(), String>> {
        let (base, count) = (Offset(row.get(0)?), row.get::<_, u32>(1)?);
        let (append_ms, crc): (i64, u32) = (row.get(2)?, row.get(3)?);
        let bytes: usize = row.get(4)?;
        let end = base.0 + u64::from(count);
        if !(base.0..end).contains(&into.next().0) {
            return Ok(Err(format!("the next block holds messages {base} to {end}")));
        }
        let room = into.room(bytes);
        match row.get_ref(6)?.as_blob_or_null().map_err(rusqlite::Error::from)? {
            Some(blob) => room.copy_from_slice(blob),
            // A large one goes from the file's pages to its place, without a copy between them.
            None => self
                .db
                .blob_open(MAIN_DB, "block", "bytes", row.get(5)?, true)?
                .read_at_exact(room, 0)?,
        }
        let found = topics::crc(base, count, append_ms, room);
        if found != crc {
            return Ok(Err(format!("the CRC of its block is {found:08x}, not {crc:08x}")));
        }
        if !into.take_block(base, count, append_ms, bytes) {
            return Ok(Err(format!("its block does not hold {count} messages")));
        }
        Ok(Ok(()))
    }
}

impl Log for SqliteLog {
    fn fetch(&mut self, into: &mut Batch) -> Result<()> {
        self.fill(into).map_err(|fault| fault.named(&self.at, "reading"))
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        let span = self.span(partition);
        Ok(span.map_err(|fault| fault.named(&self.at, "reading the end of a topic"))?.end)
    }

    fn changed(&mut self) -> Result<bool> {
        let now = commits(&self.db).map_err(|fault| fault.named(&self.at, "reading"))?;
        Ok(self.seen.replace(now) != Some(now))
    }

    fn in_flight(&mut self) -> Result<Duration> {
        let age = self.in_flight.age(&self.db);
        age.map_err(|fault| fault.named(&self.at, "looking for a writer"))
    }
}
