//! A store in one SQLite file: opening, leasing and reading it.

mod checkpoint_keeps;
mod checkpoint_names;
mod checkpoints;
mod identity;
mod job_shape;
mod journal;
mod lease;
pub(crate) mod lock;
mod name_rows;
mod rewind;
mod sink_state;
mod table_versions;
mod view;

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use self::identity::{Identity, create, exists, identity};
use self::lease::{Owned, SqliteLease};
use self::view::{by_input, hold_output, keyed, sinks};
use crate::error::Sql;
use crate::limits;
use crate::queue::SqliteQueue;
use crate::topics;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{STORE_VIEW, pass};
use seismic_queue::{
    Checkpoint, CheckpointNames, CheckpointRequest, Error, GroupMember, Job, JobStore,
    JournalEntry, Lease, LostOffset, Offset, OutputSpec, Partition, PartitionView, Queue, Result,
    ScalingLease, SinkPosition, SinkState, TableVersion, TableVersions, View,
};

/// A store in one SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    pub(crate) topics: SqliteQueue,
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

    /// Deletes the file of a store that no one owns, with SQLite's files next to it. The file that
    /// is locked stays: whoever waits for it must not get a lock of its own.
    ///
    /// # Errors
    /// [`Error::Owned`], [`Error::StoreMissing`], and as [`SqliteStore::open`].
    pub fn delete(path: &Path) -> Result<()> {
        let store = Self::open(path)?;
        let at = store.name();
        store.view()?;
        let _lock = lock::acquire(path, &at, "its deletion")?;
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

/// Pages of a store that is made for a job.
fn page_bytes(job: &Job) -> usize {
    match job.outputs.iter().any(OutputSpec::is_keyed) {
        true => limits::QUEUE_PAGE_BYTES,
        false => limits::STORE_PAGE_BYTES,
    }
}

impl JobStore for SqliteStore {
    fn name(&self) -> String {
        self.topics.name()
    }

    fn acquire(&self, job: &Job) -> Result<Box<dyn Lease>> {
        validate::new_job(job)?;
        let database = self.topics.make(page_bytes(job))?;
        let since = database.look("asking for the time", |db| {
            Ok(db.query_row("SELECT strftime('%FT%TZ')", [], |row| row.get::<_, String>(0))?)
        })?;
        let lock = lock::acquire(&self.path, &database.at, &since)?;
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
        pass(&at, STORE_VIEW)?;
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
            let (sinks, keyed) = (sinks(db, &outputs)?, keyed(db, &job, &outputs)?);
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
            journal::within(db, &at, partition, range)
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

    fn scaling_lease(&self) -> Result<Option<Box<dyn ScalingLease>>> {
        Ok(None)
    }

    fn topics(&self) -> &dyn Queue {
        &self.topics
    }

    /// Positions are committed with their rows.
    fn lost_offsets(&self) -> Result<Vec<LostOffset>> {
        Ok(Vec::new())
    }

    fn put_offsets_back(&self, _lost: &[LostOffset]) -> Result<()> {
        Ok(())
    }

    fn rests_for(&self) -> Result<Option<Duration>> {
        Ok(None)
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
    fn put_sink_position(
        &self,
        sink: &str,
        output: usize,
        at: &[(Partition, Offset)],
    ) -> Result<()> {
        self.change("noting a sink's position", |db, _, Identity { job, outputs, .. }| {
            hold_output(db, (&job, &outputs), output, sink, at)
        })
    }

    fn keep_for_sink(
        &self,
        sink: &str,
        output: usize,
        from: &[(Partition, Offset)],
    ) -> Result<bool> {
        let holder = SinkPosition::holder_of_kept(sink);
        self.change("noting what is kept for a sink", |db, _, Identity { job, outputs, .. }| {
            if from.is_empty() {
                let mut places = outputs.get(output).into_iter().flatten();
                places.try_for_each(|&place| topics::release(db, place, &holder))?;
            }
            hold_output(db, (&job, &outputs), output, &holder, from)?;
            Ok(true)
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

impl TableVersions for SqliteStore {
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()> {
        validate::table(&self.name(), table, content)?;
        self.change("storing a version of a table", |db, _, _| {
            table_versions::put(db, table, hash, content)
        })
    }

    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>> {
        self.look("reading a version of a table", |db, _| table_versions::get(db, table, hash))
    }

    fn tables(&self) -> Result<Vec<TableVersion>> {
        self.look("listing versions of tables", |db, _| table_versions::all(db))
    }

    fn forget_table(&self, version: &TableVersion) -> Result<()> {
        self.change("forgetting a version of a table", |db, _, _| {
            table_versions::forget(db, &version.table, &version.hash)
        })
    }

    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()> {
        validate::table(&self.name(), table, note)?;
        self.change("storing the note of a table", |db, _, _| {
            table_versions::put_note(db, table, note)
        })
    }

    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>> {
        self.look("reading the note of a table", |db, _| table_versions::note(db, table))
    }
}
