//! The tables of a job at work: which version of each is the newest, and those that operators have.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use seismic_queue::{JobStore, Offset, Partition, TableVersion};

use super::entry::TableEntry;
use super::rows::TableRow;
use super::version::Version;
use crate::definition::dimension::DimensionDefinition;
use crate::function::module::Module;
use crate::limits;

/// Tables, and the store that keeps their versions.
pub struct Tables {
    store: Arc<dyn JobStore>,
    /// Store of the job of which this one is a fork: its versions are taken over when needed.
    parent: Option<Arc<dyn JobStore>>,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// The newest version of each table.
    newest: BTreeMap<String, Newest>,
    /// What was loaded, as long as someone has it.
    loaded: HashMap<(String, String), Weak<Version>>,
    /// Versions that partitions have taken at a position, until their commit was seen.
    taken: Vec<Taken>,
    /// The modules of functions, by what the store calls them.
    pub(super) modules: BTreeMap<String, Arc<Module>>,
}

#[derive(Clone)]
struct Newest {
    version: Arc<Version>,
    read_ms: i64,
}

/// A version that a partition has taken.
#[derive(Clone)]
pub(super) struct Taken {
    pub partition: Partition,
    pub at: Offset,
    pub table: String,
    pub hash: String,
}

/// What became of rows that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The version that they are.
    pub hash: String,
    /// How many there are.
    pub rows: u64,
    /// Whether they are another version than before.
    pub is_new: bool,
}

/// Why a version is not there.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The rows cannot be a version of the table.
    #[error("{0}")]
    Rows(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] seismic_queue::Error),
}

impl Tables {
    /// Tables with their versions in that store.
    #[must_use]
    pub fn new(store: Arc<dyn JobStore>) -> Self {
        Tables { store, parent: None, state: Mutex::default() }
    }

    /// The same for a fork of the job with that store.
    #[must_use]
    pub fn forked_from(self, parent: Arc<dyn JobStore>) -> Self {
        Tables { parent: Some(parent), ..self }
    }

    pub(super) fn store(&self) -> &dyn JobStore {
        &*self.store
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes rows that were read: as soon as this returns, partitions take them as the newest
    /// version, which is stored.
    ///
    /// # Errors
    /// [`TableError`]; the newest version is what it was.
    pub fn read(
        &self,
        table: &DimensionDefinition,
        rows: Vec<TableRow>,
        read_ms: i64,
    ) -> Result<Read, TableError> {
        let (version, content) = Version::of_rows(table, rows).map_err(TableError::Rows)?;
        let (hash, rows) = (version.hash().to_owned(), version.rows() as u64);
        let is_newest = |newest: &Newest| newest.version.hash() == hash;
        let is_new = !self.lock().newest.get(&table.name).is_some_and(is_newest);
        if is_new {
            self.check_room(content.len() as u64)?;
            self.store.put_table(&table.name, &hash, &content)?;
            self.publish(table, Arc::new(version), read_ms);
        }
        Ok(Read { hash, rows, is_new })
    }

    /// Whether the store has room for another version. Those that nothing names any more go first.
    pub(super) fn check_room(&self, more: u64) -> Result<(), TableError> {
        let most = limits::DIMENSION_STORE_BYTES;
        let taken = || -> Result<u64, TableError> {
            let stored = self.store.tables()?;
            Ok(stored.iter().map(|version| version.bytes).sum::<u64>() + more)
        };
        if taken()? <= most {
            return Ok(());
        }
        self.forget_unneeded()?;
        match taken()? <= most {
            true => Ok(()),
            false => Err(TableError::Rows(format!(
                "its versions take more than {} GiB in {}, where they are kept as long as the log of \
                 the input and the checkpoints reach back: keep less of the input, or read the table \
                 less often",
                most >> 30,
                self.store.name()
            ))),
        }
    }

    /// Has the version that was stored last as the newest one, where none could be read since the
    /// job was started.
    ///
    /// # Errors
    /// [`TableError`]; `None` when none was ever stored.
    pub fn resume(&self, table: &DimensionDefinition) -> Result<Option<Read>, TableError> {
        let Some(stored) = self.newest_stored(table)? else { return Ok(None) };
        let version = self.version(table, &stored.hash).map_err(TableError::Rows)?;
        if !stored.copy.is_empty()
            && let Some(content) = self.store.table(&table.name, &stored.hash)?
        {
            // Another worker may forget that copy before a commit here names it.
            self.store.put_table(&table.name, &stored.hash, &content)?;
        }
        let (hash, rows) = (stored.hash, version.rows() as u64);
        self.publish(table, version, 0);
        Ok(Some(Read { hash, rows, is_new: true }))
    }

    /// The version that was stored last; `None` when none ever was. Nothing changes by that.
    pub(super) fn stored_last(
        &self,
        table: &DimensionDefinition,
    ) -> Result<Option<Arc<Version>>, TableError> {
        let Some(stored) = self.newest_stored(table)? else { return Ok(None) };
        self.version(table, &stored.hash).map(Some).map_err(TableError::Rows)
    }

    fn newest_stored(
        &self,
        table: &DimensionDefinition,
    ) -> seismic_queue::Result<Option<TableVersion>> {
        let stored = self.store.tables()?;
        Ok(stored.into_iter().rev().find(|version| version.table == table.name))
    }

    fn publish(&self, table: &DimensionDefinition, version: Arc<Version>, read_ms: i64) {
        let mut state = self.lock();
        let id = (table.name.clone(), version.hash().to_owned());
        state.loaded.retain(|_, version| version.strong_count() > 0);
        state.loaded.insert(id, Arc::downgrade(&version));
        state.newest.insert(table.name.clone(), Newest { version, read_ms });
    }

    /// The entry by which a partition that stands at `at` takes the newest version; `None` when it
    /// has it, or there is none.
    pub(crate) fn entry(
        &self,
        table: &DimensionDefinition,
        has: Option<&str>,
        (partition, at): (Partition, Offset),
    ) -> Option<Vec<u8>> {
        let mut state = self.lock();
        let Newest { version, read_ms } = state.newest.get(&table.name)?;
        if has == Some(version.hash()) {
            return None;
        }
        let (rows, read_ms) = (version.rows() as u64, *read_ms);
        let (table, sha256) = (table.name.clone(), version.hash().to_owned());
        let entry = TableEntry { table, sha256, rows, read_ms };
        state.note(&entry, (partition, at));
        Some(entry.encode())
    }

    /// The content of a version, which is stored here, or where the other job was.
    pub(super) fn content(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>, String> {
        let found = self.store.table(table, hash).map_err(|error| error.to_string())?;
        match (found, &self.parent) {
            (None, Some(parent)) => self.take_over(&**parent, table, hash),
            (found, _) => Ok(found),
        }
    }

    /// A version, which is stored.
    ///
    /// # Errors
    /// Why it is not there.
    pub(crate) fn version(
        &self,
        table: &DimensionDefinition,
        hash: &str,
    ) -> Result<Arc<Version>, String> {
        let id = (table.name.clone(), hash.to_owned());
        if let Some(version) = self.lock().loaded.get(&id).and_then(Weak::upgrade) {
            return Ok(version);
        }
        let about = |why: &dyn fmt::Display| {
            format!("version {hash} of table {} in {}: {why}", table.name, self.store.name())
        };
        let content = self.content(&table.name, hash).map_err(|why| about(&why))?;
        let content = content.ok_or_else(|| about(&"it is not there"))?;
        let version = Version::decode(table, &content).map_err(|why| about(&why))?;
        if version.hash() != hash {
            return Err(about(&format!("its content is that of {}", version.hash())));
        }
        let version = Arc::new(version);
        self.lock().loaded.insert(id, Arc::downgrade(&version));
        Ok(version)
    }

    /// Stores a version of the other job here as well.
    fn take_over(
        &self,
        parent: &dyn JobStore,
        table: &str,
        hash: &str,
    ) -> Result<Option<Vec<u8>>, String> {
        let said = |error: seismic_queue::Error| error.to_string();
        let found = parent.table(table, hash).map_err(said)?;
        if let Some(content) = &found {
            self.store.put_table(table, hash, content).map_err(said)?;
        }
        Ok(found)
    }

    /// What must be kept of versions that no commit names yet: the newest ones, and those that were
    /// taken at or behind `next` of their partition. The others are not asked for again.
    pub(super) fn uncommitted(&self, next: &dyn Fn(Partition) -> Offset) -> Vec<(String, String)> {
        let mut state = self.lock();
        state.taken.retain(|taken| taken.at >= next(taken.partition));
        let newest =
            state.newest.iter().map(|(table, it)| (table.clone(), it.version.hash().to_owned()));
        let taken = state.taken.iter().map(|taken| (taken.table.clone(), taken.hash.clone()));
        let modules = state.modules.iter();
        let modules = modules.map(|(name, module)| (name.clone(), module.hash().to_owned()));
        newest.chain(taken).chain(modules).collect()
    }
}

impl State {
    /// A partition has taken a version at a position.
    pub(super) fn note(&mut self, entry: &TableEntry, (partition, at): (Partition, Offset)) {
        let (table, hash) = (entry.table.clone(), entry.sha256.clone());
        let is_same =
            |it: &Taken| (it.partition, &it.table, &it.hash) == (partition, &table, &hash);
        self.taken.retain(|it| !is_same(it));
        self.taken.push(Taken { partition, at, table, hash });
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest: BTreeMap<_, _> = self
            .lock()
            .newest
            .iter()
            .map(|(table, it)| (table.clone(), it.version.rows()))
            .collect();
        f.debug_struct("Tables").field("rows", &newest).finish_non_exhaustive()
    }
}
