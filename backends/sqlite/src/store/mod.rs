//! A store in one SQLite file: owning it, committing to it, looking in.

mod checkpoint_names;
mod checkpoints;
mod job_shape;
pub(crate) mod lock;
mod name_rows;
mod rewind;
mod sink_state;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use self::lock::Lock;
use crate::cuts;
use crate::database::Database;
use crate::error::Sql;
use crate::queue::SqliteQueue;
use crate::schema;
use crate::topics::{self, Places};
use crate::writer::Unmade;
use seismic_queue::backend::commit_order::not_made;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{
    COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION, REWIND_AFTER, REWIND_IN_TRANSACTION, pass,
};
use seismic_queue::message::new_id;
use seismic_queue::{
    Checkpoint, CheckpointNames, CheckpointRequest, Commit, CommitError, Committer, Error,
    FencingToken, GroupMember, Hold, Job, JobStore, JournalEntry, KeyedBlock, Lease, Offset,
    OutputSpec, OutputView, Partition, PartitionView, Queue, Recovered, Result, Rewind,
    SharedLease, SinkPosition, SinkState, Topic, View, clock,
};

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    pub(crate) topics: SqliteQueue,
}

/// The row of table `store`, with the topics it names.
struct Identity {
    id: String,
    epoch: u64,
    job: Job,
    /// Of the topics of its outputs.
    outputs: Vec<Places>,
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
        validate::new_job(job)?;
        let database = self.topics.make()?;
        let since = database.look("asking for the time", |db| {
            Ok(db.query_row("SELECT strftime('%FT%TZ')", [], |row| row.get::<_, String>(0))?)
        })?;
        let lock = lock::take(&self.path, &database.at, &since)?;
        let Identity { epoch, outputs, .. } = database.writer.write("owning it", |db| {
            if !exists(db)? {
                create(db, job)?;
            }
            validate::same_job(&database.at, &identity(db, &database.at)?.job, job)?;
            db.execute("UPDATE home SET epoch = epoch + 1", [])?;
            identity(db, &database.at)
        })?;
        let (database, job) = (database.clone(), job.clone());
        let owned = Owned { database, job, epoch, outputs, _lock: lock };
        Ok(Box::new(SqliteLease { owned: Arc::new(owned) }))
    }

    fn rescale(&self, _: &Job) -> Result<Box<dyn Lease>> {
        Err(Error::CannotRescale { at: self.name() })
    }

    fn view(&self) -> Result<View> {
        let at = self.name();
        self.look("looking in", |db, Identity { id, job, outputs, .. }| {
            let partitions = job.input().all().map(|partition| {
                Ok(PartitionView {
                    progress: checkpoints::progress(db, &at, partition)?,
                    outputs: by_input(db, &job, &outputs, partition)?,
                    journal: checkpoints::journal_kept(db, &at, partition)?,
                    checkpoints: checkpoints::checkpoints(db, partition)?,
                })
            });
            let partitions = partitions.collect::<Sql<_>>()?;
            let (sinks, keyed) = (sinks(db, &outputs[0])?, keyed(db, &job, &outputs)?);
            Ok(View {
                id,
                job,
                partitions,
                keyed,
                sinks,
                checkpoint_requests: checkpoint_names::requests(db)?,
            })
        })
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        let at = self.name();
        self.look("reading the journal", |db, Identity { job, .. }| {
            validate::partition(job.input(), partition)?;
            checkpoints::journal(db, &at, partition, range)
        })
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        let at = self.name();
        self.look("reading a checkpoint", |db, Identity { job, .. }| {
            validate::partition(job.input(), partition)?;
            checkpoints::checkpoint(db, &at, partition, number)
        })
    }

    fn leased_by(&self) -> Result<Option<String>> {
        lock::owner(&self.path, &self.name())
    }

    /// One process has all of it.
    fn members(&self) -> Result<Option<Vec<GroupMember>>> {
        Ok(None)
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }
}

impl CheckpointNames for SqliteStore {
    fn request_checkpoint(&self, name: &str) -> Result<()> {
        self.change("asking for a checkpoint", |db, at, _| checkpoint_names::request(db, at, name))
    }

    fn checkpoint_requests(&self) -> Result<Vec<CheckpointRequest>> {
        self.topics.database()?.look("looking what is asked for", checkpoint_names::requests)
    }

    fn withdraw_request(&self, name: &str) -> Result<Option<CheckpointRequest>> {
        self.change("taking back what was asked for", |db, _, _| {
            checkpoint_names::withdraw(db, name)
        })
    }

    fn name_newest_checkpoint(&self, name: &str) -> Result<()> {
        self.change("naming a checkpoint", |db, at, Identity { job, .. }| {
            checkpoint_names::name_newest(db, at, job.input(), name)
        })
    }

    fn delete_checkpoint_name(&self, name: &str) -> Result<()> {
        self.change("forgetting a checkpoint", |db, at, _| checkpoint_names::delete(db, at, name))
    }
}

impl SinkState for SqliteStore {
    fn put_sink_position(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.change("noting a sink's position", |db, _, Identity { job, outputs, .. }| {
            let partitions = outputs[0].len() as u32;
            for &(partition, next) in at {
                let Some(&place) = outputs[0].get(partition.0 as usize) else {
                    let topic = job.main_topic().to_owned();
                    return Err(Error::PartitionMissing { topic, partition, partitions }.into());
                };
                topics::hold(db, place, sink, next)?;
            }
            Ok(())
        })
    }

    fn put_sink_state(&self, sink: &str, key: &str, state: &[u8]) -> Result<()> {
        validate::sink_state(&self.name(), sink, key, state)?;
        self.change("storing a sink's state", |db, _, _| sink_state::put(db, sink, key, state))
    }

    fn sink_state(&self, sink: &str, key: &str) -> Result<Option<Vec<u8>>> {
        self.look("reading a sink's state", |db, _| sink_state::get(db, sink, key))
    }
}

fn exists(db: &Connection) -> Sql<bool> {
    Ok(db.query_row("SELECT count(*) FROM home", [], |row| row.get::<_, u32>(0))? > 0)
}

fn create(db: &Connection, job: &Job) -> Sql<()> {
    let Topic { name, id, partitions } = job.input();
    let mut topics = job.topics();
    let (first, second) = (topics.next(), topics.next());
    db.execute(
        "INSERT INTO home VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ifnull(?7, ''))",
        params![new_id(), job.group, name, id, partitions, first, second],
    )?;
    for output in &job.outputs {
        topics::create(db, &output.topic, job.partitions_of(output))?;
    }
    if !job.is_plain() {
        return job_shape::create(db, job);
    }
    for (level, topic) in topics.enumerate() {
        db.execute("INSERT INTO rollup VALUES (?1, ?2)", params![level, topic])?;
    }
    Ok(())
}

fn identity(db: &Connection, at: &str) -> Sql<Identity> {
    let found = db
        .prepare_cached("SELECT * FROM home")?
        .query_row([], |row| {
            let input = Topic { name: row.get(3)?, id: row.get(4)?, partitions: row.get(5)? };
            let topics: [String; 2] = [row.get(6)?, row.get(7)?];
            Ok((row.get(0)?, row.get(1)?, Job::plain(row.get::<_, String>(2)?, input, topics)))
        })
        .optional()?;
    let Some((id, epoch, mut job)) = found else {
        return Err(Error::StoreMissing { at: at.to_owned() }.into());
    };
    if schema::is_shaped(db)? {
        job_shape::complete(db, &mut job)?;
    } else {
        let mut select = db.prepare_cached("SELECT topic FROM rollup ORDER BY level")?;
        let further = select.query_map([], |row| row.get(0))?;
        let further = further.collect::<rusqlite::Result<Vec<String>>>()?;
        let topics = job.topics().cloned().chain(further).collect::<Vec<_>>();
        job = Job::plain(job.group, job.inputs.remove(0), topics);
    }
    let places = |output: &OutputSpec| {
        let Some(topic) = topics::find(db, &output.topic)? else {
            let (topic, at) = (output.topic.clone(), at.to_owned());
            return Err(Error::TopicMissing { topic, at }.into());
        };
        let places = topics::places(db, at, &topic)?;
        topics::same_count(at, &topic.name, job.partitions_of(output), &places)?;
        Ok(places)
    };
    let outputs = job.outputs.iter().map(places).collect::<Sql<_>>()?;
    Ok(Identity { id, epoch, job, outputs })
}

/// One partition of each output that follows the input.
fn by_input(
    db: &Connection,
    job: &Job,
    outputs: &[Places],
    partition: Partition,
) -> Sql<Vec<OutputView>> {
    let view = |(output, places): (&OutputSpec, &Places)| match output.is_keyed() {
        true => Ok(OutputView::default()),
        false => output_view(db, places[partition.0 as usize]),
    };
    job.outputs.iter().zip(outputs).map(view).collect()
}

/// All partitions of each output that is keyed.
fn keyed(db: &Connection, job: &Job, outputs: &[Places]) -> Sql<Vec<Vec<OutputView>>> {
    let views = |(output, places): (&OutputSpec, &Places)| match output.is_keyed() {
        true => places.iter().map(|&place| output_view(db, place)).collect(),
        false => Ok(Vec::new()),
    };
    job.outputs.iter().zip(outputs).map(views).collect()
}

fn output_view(db: &Connection, place: i64) -> Sql<OutputView> {
    Ok(OutputView { span: topics::span(db, place)?, cuts: cuts::cuts(db, place)? })
}

/// Positions of the sinks: they hold the first output.
fn sinks(db: &Connection, main: &Places) -> Sql<Vec<SinkPosition>> {
    let mut sinks = Vec::new();
    for (partition, &place) in (0..).map(Partition).zip(main) {
        for Hold { holder, offset, .. } in topics::holds(db, place, partition)? {
            let position = SinkPosition { sink: holder, partition, next: offset };
            sinks.extend((!position.is_old_state()).then_some(position));
        }
    }
    Ok(sinks)
}

/// What the owner and its committers share; the store is free when all of them are dropped.
struct Owned {
    database: Arc<Database>,
    job: Job,
    epoch: u64,
    /// Of the topics of the job's outputs.
    outputs: Vec<Places>,
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
        let at = &self.database.at;
        for new in &commit.partitions {
            validate::shape(at, &self.job, new)?;
            let place = new.partition.0 as usize;
            checkpoints::apply(db, at, new, now_ms)?;
            // Without rows, nothing is asked of a keyed output, which may have fewer partitions.
            let written = self.outputs.iter().zip(&new.outputs).filter(|(_, it)| !it.is_empty());
            for (places, rows) in written {
                topics::append(db, places[place], rows, 0, now_ms)?;
            }
            for KeyedBlock { output, partition, rows } in &new.keyed {
                let to = self.outputs[*output][partition.0 as usize];
                job_shape::append(db, to, new.partition, rows, now_ms)?;
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

    /// One owner has all partitions.
    fn shared(&self) -> Option<&dyn SharedLease> {
        None
    }

    /// Each commit prunes.
    fn housekeep(&self) -> Result<()> {
        Ok(())
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.owned.database.writer.write("pruning the journal", |db| {
            self.owned.fence(db)?;
            validate::partition(self.owned.job.input(), partition)?;
            checkpoints::prune_journal(db, partition, below)
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
            validate::rewind_shape(at, &self.job, back)?;
            rewind::set_back(db, at, back, now_ms)?;
            let place = back.partition.0 as usize;
            for (i, (places, &rows)) in self.outputs.iter().zip(&back.outputs).enumerate() {
                if self.job.outputs[i].is_keyed() {
                    continue;
                }
                let left = cuts::cut(db, places[place], rows)?;
                if i == 0 {
                    rewind::check_sinks(db, at, (places[place], back.partition), left)?;
                }
            }
            for cut in &back.keyed {
                let of = self.outputs[cut.output][cut.partition.0 as usize];
                let left = job_shape::cut_last_of(db, of, back.partition, cut.rows)?;
                if cut.output == 0 {
                    rewind::check_sinks(db, at, (of, cut.partition), left)?;
                }
            }
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        Ok(())
    }
}

impl Committer for SqliteLease {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        let Owned { database, job, .. } = &*self.owned;
        // Through the writer: after it, no earlier commit of this process can still be on its way.
        let recovered = database.writer.write("loading progress", |db| {
            self.owned.fence(db)?;
            let recover = |&partition| {
                validate::partition(job.input(), partition)?;
                checkpoints::recover(db, &database.at, partition)
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
