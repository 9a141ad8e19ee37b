//! The topics of one file.

mod import_log;
mod producer;
pub(crate) mod reader;
pub(crate) mod retention;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use self::import_log::SqliteImportLog;
use self::producer::SqliteProducer;
use self::reader::SqliteLog;
use crate::database::{self, Database};
use crate::examine;
use crate::limits;
use crate::schema::Layout;
use crate::topics::{self, Places};
use seismic_queue::backend::assigned_source::AssignedSource;
use seismic_queue::backend::polling_reader::PollingReader;
use seismic_queue::backend::validate;
use seismic_queue::{
    AppendTimes, Diagnose, Error, Finding, HeldBack, Hold, ImportLog, KnownProducers, Member, Need,
    Offset, OpenTransaction, Partition, Policy, Producer, Queue, Reader, Result, Retained,
    Retention, Source, Span, Topic,
};

/// A queue in one SQLite file, or the topics of a store.
pub struct SqliteQueue {
    path: PathBuf,
    layout: Layout,
    /// A store's file may still be missing.
    opened: OnceLock<Arc<Database>>,
}

impl SqliteQueue {
    /// Opens the queue file, and makes it with its folders if it is missing.
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Newer`] or [`Error::Corrupt`] for a file that cannot be used;
    /// it is left as it was.
    pub fn open(path: &Path) -> Result<Self> {
        let database = Database::open_or_make(path, Layout::Queue, limits::QUEUE_PAGE_BYTES)?;
        let queue = Self::unopened(path, Layout::Queue);
        Ok(SqliteQueue { opened: OnceLock::from(database), ..queue })
    }

    /// The topics of a store, opened when they are needed.
    pub(crate) fn of_store(path: &Path) -> Self {
        Self::unopened(path, Layout::JobStore)
    }

    fn unopened(path: &Path, layout: Layout) -> Self {
        SqliteQueue { path: path.to_owned(), layout, opened: OnceLock::new() }
    }

    /// The file.
    ///
    /// # Errors
    /// [`Error::StoreMissing`] when it is not there.
    pub(crate) fn database(&self) -> Result<&Arc<Database>> {
        if let Some(database) = self.opened.get() {
            return Ok(database);
        }
        let database = Database::open(&self.path, self.layout)?;
        let database = database.ok_or_else(|| Error::StoreMissing { at: self.name() })?;
        Ok(self.opened.get_or_init(|| database))
    }

    /// The file, made with pages of that many bytes if it is missing.
    pub(crate) fn make(&self, page_bytes: usize) -> Result<&Arc<Database>> {
        if self.opened.get().is_none() {
            let database = Database::open_or_make(&self.path, self.layout, page_bytes)?;
            self.opened.get_or_init(|| database);
        }
        self.database()
    }

    fn places(&self, topic: &Topic) -> Result<(&Arc<Database>, Places)> {
        let database = self.database()?;
        let places =
            database.look("looking for a topic", |db| topics::places(db, &database.at, topic))?;
        Ok((database, places))
    }

    fn log(
        &self,
        topic: &Topic,
        mut partitions: impl Iterator<Item = Partition>,
    ) -> Result<SqliteLog> {
        let (database, places) = self.places(topic)?;
        partitions.try_for_each(|partition| validate::partition(topic, partition))?;
        Ok(SqliteLog::new(database.connect()?, database.at.clone(), topic.clone(), places))
    }

    fn refuse_in_a_store(&self) -> Result<()> {
        match self.layout {
            Layout::JobStore => Err(Error::CommitsOnly { at: self.name() }),
            Layout::Queue => Ok(()),
        }
    }
}

impl Queue for SqliteQueue {
    fn name(&self) -> String {
        database::name(&self.path)
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.database()?.look("listing topics", topics::topics)
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        let found = self.database()?.look("looking for a topic", |db| topics::find(db, name))?;
        found.ok_or_else(|| Error::TopicMissing { topic: name.to_owned(), at: self.name() })
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.refuse_in_a_store()?;
        validate::new_topic(name, partitions)?;
        let writer = &self.database()?.writer;
        let topic = writer.write("making a topic", |db| topics::create(db, name, partitions))?;
        validate::same_topic(topic, partitions)
    }

    fn delete(&self, topic: &Topic) -> Result<()> {
        self.refuse_in_a_store()?;
        let database = self.database()?;
        let has_notes = database.look("looking for notes of imports", import_log::has_table)?;
        // First most of its messages, so that no transaction is long: who appends to another topic
        // of the file does not wait for it. One that is interrupted is done by the next one.
        for (place, span) in self.places(topic)?.1.into_iter().zip(self.spans(topic)?) {
            retention::empty(database, place, span.end)?;
        }
        Ok(database.writer.write("deleting a topic", |db| {
            if has_notes {
                import_log::forget(db, topic)?;
            }
            topics::delete(db, &database.at, topic)
        })?)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        let (database, places) = self.places(topic)?;
        database.look("reading the ends of a topic", |db| topics::spans(db, &places))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        let (database, places) = self.places(topic)?;
        validate::partition(topic, partition)?;
        let place = places[partition.0 as usize];
        database.look("looking for a time", |db| topics::offset_at(db, place, time_ms))
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.refuse_in_a_store()?;
        let (database, places) = self.places(topic)?;
        Ok(Box::new(SqliteProducer::new(database.clone(), topic.clone(), places, id)))
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.refuse_in_a_store()?;
        let (database, places) = self.places(topic)?;
        Ok(Some(Box::new(SqliteImportLog::open(database.clone(), topic.clone(), places)?)))
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        let log = self.log(topic, at.iter().map(|&(partition, _)| partition))?;
        Ok(Box::new(PollingReader::new(log, at)))
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        let log = self.log(topic, partitions.iter().copied())?;
        Ok(Box::new(AssignedSource::new(PollingReader::new(log, &[]), partitions)))
    }

    fn member(&self, _: &Topic, _: &Member) -> Result<Box<dyn Source>> {
        Err(Error::NoGroups { at: self.name() })
    }

    /// Asking for one of them costs no more.
    fn known_producers(&self, _topic: &Topic) -> Result<Option<KnownProducers>> {
        Ok(None)
    }
}

impl Retention for SqliteQueue {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        let (database, places) = self.places(topic)?;
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
        database.writer.write("noting a hold", |db| {
            places.iter().try_for_each(|&place| topics::release(db, place, holder))?;
            at.iter().try_for_each(|&(partition, from)| {
                topics::hold(db, places[partition.0 as usize], holder, from)
            })
        })?;
        Ok(())
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        let (database, places) = self.places(topic)?;
        let places = topic.all().zip(places);
        database.look("reading holds", |db| {
            let mut holds = Vec::new();
            for (partition, place) in places {
                holds.extend(topics::holds(db, place, partition)?);
            }
            Ok(holds)
        })
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        let (database, _) = self.places(topic)?;
        database.look("reading a policy", |db| topics::policy(db, topic))
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        let (database, _) = self.places(topic)?;
        let set =
            database.writer.write("setting a policy", |db| topics::set_policy(db, topic, policy));
        Ok(set?)
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        let (database, places) = self.places(topic)?;
        database.look("looking what is held", |db| {
            let policy = topics::policy(db, topic)?;
            let mut held = Vec::new();
            for (partition, &place) in topic.all().zip(&places) {
                held.extend(retention::held(db, place, partition, policy)?);
            }
            Ok(held)
        })
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        let (database, places) = self.places(topic)?;
        let places = topic.all().zip(places);
        places.map(|(p, place)| retention::retain(database, topic, p, place, past_holds)).collect()
    }

    /// Readers hold what they need.
    fn trim(&self, _topic: &Topic, _below: &[(Partition, Offset)]) -> Result<()> {
        Ok(())
    }
}

impl Diagnose for SqliteQueue {
    fn check_place(&self) -> Result<()> {
        self.database()?.check_place()
    }

    fn check_topic(&self, _: &Topic) -> Result<()> {
        Ok(())
    }

    fn append_times(&self, _: &Topic) -> Result<AppendTimes> {
        Ok(AppendTimes::Queue)
    }

    fn examine(&self, _: Option<&Topic>) -> Result<Vec<Finding>> {
        Ok(examine::file(&self.path))
    }

    fn examine_rights(&self, _: &[Need]) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// There are none.
    fn open_transactions(&self, _topic: &Topic) -> Result<Vec<OpenTransaction>> {
        Ok(Vec::new())
    }

    fn look_at(&self, _transactions: &mut [OpenTransaction]) {}
}
