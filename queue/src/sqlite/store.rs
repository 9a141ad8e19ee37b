//! A store in one SQLite file: owning it, committing to it, looking in.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::database::Database;
use super::fault::Sql;
use super::lock::{self, Lock};
use super::log::{self, Places};
use super::names;
use super::progress;
use super::queue::SqliteQueue;
use super::rewind;
use super::writer::Unmade;
use crate::failpoints::{
    COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION, REWIND_AFTER, REWIND_IN_TRANSACTION, pass,
};
use crate::tip::not_made;
use crate::topic::new_id;
use crate::{
    Asked, Checkpoint, Commit, CommitError, Committer, Error, FencingToken, Job, JobStore,
    JournalEntry, Lease, Offset, Partition, PartitionView, Queue, Recovered, Result, Rewind,
    SinkPosition, Topic, View, check, clock,
};

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    pub(super) topics: SqliteQueue,
}

/// The row of table `store`, with the topics it names.
struct Identity {
    id: String,
    epoch: u64,
    job: Job,
    rows: Places,
    dead: Places,
    rollups: Vec<Places>,
}

impl SqliteStore {
    /// Opens a store for looking in. A missing file is fine, and is made by [`JobStore::acquire`].
    ///
    /// # Errors
    /// [`Error::Foreign`], [`Error::Newer`] or [`Error::Corrupt`] for a file that cannot be used;
    /// it is left as it was.
    pub fn open(path: &Path) -> Result<Self> {
        let store = SqliteStore { path: path.to_owned(), topics: SqliteQueue::of_store(path) };
        match store.topics.database() {
            Ok(_) | Err(Error::StoreMissing { .. }) => Ok(store),
            Err(error) => Err(error),
        }
    }

    /// Deletes the file of a store that nobody owns, with what SQLite keeps beside it. The file that
    /// is locked stays: whoever waits for it must not get a lock of its own.
    ///
    /// # Errors
    /// [`Error::Owned`], [`Error::StoreMissing`], and as [`SqliteStore::open`].
    pub fn delete(path: &Path) -> Result<()> {
        let store = Self::open(path)?;
        let at = store.name();
        store.view()?;
        let _lock = lock::take(path, &at, "its deletion")?;
        drop(store);
        for suffix in ["-wal", "-shm", ""] {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            match fs::remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Io { at, doing: "deleting it", source: error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks at the store as one commit left it.
    fn look<T>(
        &self,
        doing: &'static str,
        look: impl FnOnce(&Connection, Identity) -> Sql<T>,
    ) -> Result<T> {
        let database = self.topics.database()?;
        database.look(doing, |db| look(db, identity(db, &database.at)?))
    }

    /// Changes what needs no ownership, in one transaction. `change` also gets the store's name.
    fn change<T>(
        &self,
        doing: &'static str,
        change: impl FnOnce(&Connection, &str, Identity) -> Sql<T>,
    ) -> Result<T> {
        let database = self.topics.database()?;
        let at = &database.at;
        Ok(database.writer.write(doing, |db| change(db, at, identity(db, at)?))?)
    }
}

impl JobStore for SqliteStore {
    fn name(&self) -> String {
        self.topics.name()
    }

    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>> {
        check::new_job(job)?;
        let database = self.topics.make()?;
        let since = database.look("asking for the time", |db| {
            Ok(db.query_row("SELECT strftime('%FT%TZ')", [], |row| row.get::<_, String>(0))?)
        })?;
        let lock = lock::take(&self.path, &database.at, &since)?;
        let Identity { epoch, rows, dead, rollups, .. } =
            database.writer.write("owning it", |db| {
                if !exists(db)? {
                    create(db, job)?;
                }
                check::same_job(&database.at, &identity(db, &database.at)?.job, job)?;
                db.execute("UPDATE home SET epoch = epoch + 1", [])?;
                identity(db, &database.at)
            })?;
        let (database, input) = (database.clone(), job.input.clone());
        let owned = Owned { database, input, epoch, rows, dead, rollups, _lock: lock };
        Ok(Box::new(SqliteLease { owned: Arc::new(owned) }))
    }

    fn view(&self) -> Result<View> {
        let at = self.name();
        self.look("looking in", |db, Identity { id, job, rows, dead, rollups, .. }| {
            let mut sinks = Vec::new();
            let mut partitions = Vec::new();
            for ((partition, rows), dead) in job.input.all().zip(rows).zip(dead) {
                sinks.extend(
                    log::holds(db, rows, partition)?.into_iter().map(|hold| SinkPosition {
                        sink: hold.holder,
                        partition,
                        next: hold.offset,
                    }),
                );
                partitions.push(PartitionView {
                    progress: progress::progress(db, &at, partition)?,
                    rows: log::span(db, rows)?,
                    dead: log::span(db, dead)?,
                    rollups: rollups
                        .iter()
                        .map(|places| log::span(db, places[partition.0 as usize]))
                        .collect::<Sql<_>>()?,
                    rows_cut: rewind::cuts(db, rows)?,
                    journal: progress::journal_kept(db, &at, partition)?,
                    checkpoints: progress::checkpoints(db, partition)?,
                });
            }
            Ok(View { id, job, partitions, sinks, asked: names::asked(db)? })
        })
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        let at = self.name();
        self.look("reading the journal", |db, Identity { job, .. }| {
            check::partition(&job.input, partition)?;
            progress::journal(db, &at, partition, range)
        })
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        let at = self.name();
        self.look("reading a checkpoint", |db, Identity { job, .. }| {
            check::partition(&job.input, partition)?;
            progress::checkpoint(db, &at, partition, number)
        })
    }

    fn leased_by(&self) -> Result<Option<String>> {
        lock::owner(&self.path, &self.name())
    }

    fn ask(&self, name: &str) -> Result<()> {
        self.change("asking for a checkpoint", |db, at, _| names::ask(db, at, name))
    }

    fn asked(&self) -> Result<Vec<Asked>> {
        self.topics.database()?.look("looking what is asked for", names::asked)
    }

    fn withdraw(&self, name: &str) -> Result<Option<Asked>> {
        self.change("taking back what was asked for", |db, _, _| names::withdraw(db, name))
    }

    fn name_newest(&self, name: &str) -> Result<()> {
        self.change("naming a checkpoint", |db, at, Identity { job, .. }| {
            names::name_newest(db, at, &job.input, name)
        })
    }

    fn forget(&self, name: &str) -> Result<()> {
        self.change("forgetting a checkpoint", |db, at, _| names::forget(db, at, name))
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }

    fn put_sink_position(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.change("noting a sink's position", |db, _, Identity { job, rows, .. }| {
            for &(partition, next) in at {
                check::partition(&job.input, partition)?;
                log::hold(db, rows[partition.0 as usize], sink, next)?;
            }
            Ok(())
        })
    }
}

fn exists(db: &Connection) -> Sql<bool> {
    Ok(db.query_row("SELECT count(*) FROM home", [], |row| row.get::<_, u32>(0))? > 0)
}

fn create(db: &Connection, job: &Job) -> Sql<()> {
    let Topic { name, id, partitions } = &job.input;
    db.execute(
        "INSERT INTO home VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![new_id(), job.group, name, id, partitions, job.result_topic, job.dead_topic],
    )?;
    for topic in job.topics() {
        log::create(db, topic, *partitions)?;
    }
    for (level, topic) in job.rollup_topics.iter().enumerate() {
        db.execute("INSERT INTO rollup VALUES (?1, ?2)", params![level, topic])?;
    }
    Ok(())
}

fn identity(db: &Connection, at: &str) -> Sql<Identity> {
    let found = db
        .prepare_cached("SELECT * FROM home")?
        .query_row([], |row| {
            let input = Topic { name: row.get(3)?, id: row.get(4)?, partitions: row.get(5)? };
            let (result_topic, dead_topic, rollup_topics) = (row.get(6)?, row.get(7)?, Vec::new());
            let job = Job { group: row.get(2)?, input, result_topic, dead_topic, rollup_topics };
            Ok((row.get(0)?, row.get(1)?, job))
        })
        .optional()?;
    let Some((id, epoch, mut job)) = found else {
        return Err(Error::StoreMissing { at: at.to_owned() }.into());
    };
    job.rollup_topics = db
        .prepare_cached("SELECT topic FROM rollup ORDER BY level")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let places = |name: &String| {
        let Some(topic) = log::find(db, name)? else {
            return Err(Error::TopicMissing { topic: name.clone(), at: at.to_owned() }.into());
        };
        let places = log::places(db, at, &topic)?;
        log::same_count(at, &job.input, &places)?;
        Ok(places)
    };
    let (rows, dead) = (places(&job.result_topic)?, places(&job.dead_topic)?);
    let rollups = job.rollup_topics.iter().map(places).collect::<Sql<_>>()?;
    Ok(Identity { id, epoch, job, rows, dead, rollups })
}

/// What the owner and its committers share; the store is free when all of them are dropped.
struct Owned {
    database: Arc<Database>,
    input: Topic,
    epoch: u64,
    rows: Places,
    dead: Places,
    rollups: Vec<Places>,
    _lock: Lock,
}

impl Owned {
    /// Stops whoever was overtaken by a newer owner.
    fn fence(&self, db: &Connection) -> Sql<()> {
        let theirs = db
            .prepare_cached("SELECT epoch FROM home")?
            .query_row([], |row| row.get::<_, u64>(0))?;
        if theirs == self.epoch {
            return Ok(());
        }
        let (at, ours) = (self.database.at.clone(), self.epoch);
        Err(Error::Fenced { at, ours, theirs }.into())
    }

    fn apply(&self, db: &Connection, commit: &Commit) -> Sql<()> {
        self.fence(db)?;
        let now_ms = clock::now_ms();
        for new in &commit.partitions {
            check::partition(&self.input, new.partition)?;
            let place = new.partition.0 as usize;
            progress::apply(db, &self.database.at, new, now_ms)?;
            log::append(db, self.rows[place], &new.rows, 0, now_ms)?;
            log::append(db, self.dead[place], &new.dead, 0, now_ms)?;
            check::rollups(
                &self.database.at,
                new.partition,
                new.rollups.len(),
                self.rollups.len(),
            )?;
            for (places, block) in self.rollups.iter().zip(&new.rollups) {
                log::append(db, places[place], block, 0, now_ms)?;
            }
        }
        pass(&self.database.at, COMMIT_IN_TRANSACTION)?;
        Ok(())
    }
}

/// Owner and committer are the same here.
struct SqliteLease {
    owned: Arc<Owned>,
}

impl Lease for SqliteLease {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(SqliteLease { owned: self.owned.clone() }))
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.owned.database.writer.write("pruning the journal", |db| {
            self.owned.fence(db)?;
            check::partition(&self.owned.input, partition)?;
            progress::prune_journal(db, partition, below)
        })?;
        Ok(())
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        let Owned { database, .. } = &*self.owned;
        database.writer.write("rewinding", |db| self.owned.rewind(db, back))?;
        pass(&database.at, REWIND_AFTER)
    }
}

impl Owned {
    fn rewind(&self, db: &Connection, back: &[Rewind]) -> Sql<()> {
        self.fence(db)?;
        let (at, now_ms) = (&self.database.at, clock::now_ms());
        for back in back {
            check::partition(&self.input, back.partition)?;
            let place = back.partition.0 as usize;
            rewind::set_back(db, at, back, now_ms)?;
            let left = rewind::cut(db, self.rows[place], back.rows)?;
            rewind::check_sinks(db, at, (self.rows[place], back.partition), left)?;
            rewind::cut(db, self.dead[place], back.dead)?;
            check::rollups(at, back.partition, back.rollups.len(), self.rollups.len())?;
            for (places, &rows) in self.rollups.iter().zip(&back.rollups) {
                rewind::cut(db, places[place], rows)?;
            }
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        Ok(())
    }
}

impl Committer for SqliteLease {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        let Owned { database, input, .. } = &*self.owned;
        // Through the writer: after it, no earlier commit of this process can still be on its way.
        let recovered = database.writer.write("loading progress", |db| {
            self.owned.fence(db)?;
            let recover = |&partition| {
                check::partition(input, partition)?;
                progress::recover(db, &database.at, partition)
            };
            partitions.iter().map(recover).collect()
        })?;
        Ok(recovered)
    }

    fn commit(
        &mut self,
        _: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        let Owned { database, .. } = &*self.owned;
        pass(&database.at, COMMIT_BEFORE).map_err(not_made)?;
        let made = database.writer.write("committing", |db| self.owned.apply(db, commit));
        made.map_err(|unmade| match unmade {
            Unmade::Refused(error) => not_made(error),
            Unmade::Unknown(error) => CommitError::Rebuild(error),
        })?;
        pass(&database.at, COMMIT_AFTER).map_err(CommitError::Rebuild)
    }
}
