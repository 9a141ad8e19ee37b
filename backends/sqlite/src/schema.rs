//! The layout of our files, and opening them.
//!
//! There are two kinds of file, distinguished by SQLite's `application_id`; `user_version` is the
//! layout's version. Both hold topics ([`TOPICS`]); a store also holds the job and its progress
//! ([`STORE`]). A file is created in one transaction, so one without our `application_id` is either
//! empty, and may be initialised, or belongs to another program, and is left alone.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, Sql};
use crate::limits;
#[cfg(unix)]
use crate::read_only;
use seismic_queue::{Error, Result};

/// Version of the layout, for both kinds.
const VERSION: u32 = 3;

/// Version of a store that also has the tables of [`SHAPE`].
const SHAPED: u32 = 4;

/// Topics. A block is one row: messages `base..base + count` as [`Block`](seismic_queue::Block) encodes
/// them, with a CRC-32 of base, count, append time and bytes.
const TOPICS: &str = "
CREATE TABLE topic (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, uid TEXT NOT NULL UNIQUE,
    partitions INTEGER NOT NULL, max_age_ms INTEGER, max_bytes INTEGER
) STRICT;
-- Messages first..next are there; bytes is the sum of the blocks.
CREATE TABLE partition (
    id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, number INTEGER NOT NULL,
    first INTEGER NOT NULL DEFAULT 0, next INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, number)
) STRICT;
CREATE TABLE block (
    partition INTEGER NOT NULL, base INTEGER NOT NULL, count INTEGER NOT NULL,
    append_ms INTEGER NOT NULL, crc INTEGER NOT NULL, bytes BLOB NOT NULL
) STRICT;
CREATE INDEX block_place ON block (partition, base, append_ms);
-- last is the partition's end after the producer's last append: the newest have the highest.
CREATE TABLE producer (
    partition INTEGER NOT NULL, id TEXT NOT NULL, next_sequence INTEGER NOT NULL,
    last INTEGER NOT NULL, PRIMARY KEY (partition, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX producer_age ON producer (partition, last);
CREATE TABLE hold (
    partition INTEGER NOT NULL, holder TEXT NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (partition, holder)
) STRICT, WITHOUT ROWID;
";

/// What rewinds took out of the topics of a store: there is nothing in first..next.
const CUTS: &str = "
CREATE TABLE cut (
    partition INTEGER NOT NULL, first INTEGER NOT NULL, next INTEGER NOT NULL,
    PRIMARY KEY (partition, first)
) STRICT, WITHOUT ROWID;
";

/// The job, in one row, and what it knows of each partition, by the partition's number. The sinks'
/// positions are the holds of the result topic.
const STORE: &str = "
CREATE TABLE home (
    id TEXT NOT NULL, epoch INTEGER NOT NULL, job_group TEXT NOT NULL,
    input TEXT NOT NULL, input_uid TEXT NOT NULL, partitions INTEGER NOT NULL,
    result TEXT NOT NULL, dead TEXT NOT NULL
) STRICT;
CREATE TABLE rollup (level INTEGER PRIMARY KEY, topic TEXT NOT NULL UNIQUE) STRICT;
-- checkpoint is the highest number ever used, unsealed its chunks while it has no manifest; crc is
-- over all the other columns, as it is for an entry of the journal.
CREATE TABLE progress (
    partition INTEGER PRIMARY KEY, number INTEGER NOT NULL, next INTEGER NOT NULL,
    note BLOB NOT NULL, committed_ms INTEGER NOT NULL, next_sequence INTEGER NOT NULL,
    checkpoint INTEGER NOT NULL, unsealed INTEGER, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE journal (
    partition INTEGER NOT NULL, sequence INTEGER NOT NULL, position INTEGER NOT NULL,
    bytes BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (partition, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE chunk (
    partition INTEGER NOT NULL, checkpoint INTEGER NOT NULL, place INTEGER NOT NULL,
    bytes BLOB NOT NULL, UNIQUE (partition, checkpoint, place)
) STRICT;
CREATE TABLE checkpoint (
    partition INTEGER NOT NULL, number INTEGER NOT NULL, position INTEGER NOT NULL,
    journal_sequence INTEGER NOT NULL, chunks INTEGER NOT NULL, crc INTEGER NOT NULL,
    bytes INTEGER NOT NULL, created_ms INTEGER NOT NULL, PRIMARY KEY (partition, number)
) STRICT, WITHOUT ROWID;
-- A name of a checkpoint in each partition, whole when nobody asks for it any more.
CREATE TABLE name (
    name TEXT NOT NULL, partition INTEGER NOT NULL, checkpoint INTEGER NOT NULL,
    PRIMARY KEY (name, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE asked (name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT, WITHOUT ROWID;
";

/// What a store also has when its job is not plain ([`Job::is_plain`](seismic_queue::Job::is_plain)). In
/// table `home`, `result` and `dead` then name the first two outputs as far as there are any, and
/// table `rollup` is empty.
const SHAPE: &str = "
-- Inputs after the first one, by their place.
CREATE TABLE further_input (
    input INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, uid TEXT NOT NULL
) STRICT;
-- All outputs; without partitions those that follow the partitions of the input.
CREATE TABLE output (
    place INTEGER PRIMARY KEY, role TEXT NOT NULL, topic TEXT NOT NULL UNIQUE, partitions INTEGER
) STRICT;
-- Next offsets of further inputs; number is that of the commit, crc is over all other columns.
CREATE TABLE further_progress (
    partition INTEGER NOT NULL, input INTEGER NOT NULL, number INTEGER NOT NULL,
    next INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (partition, input)
) STRICT, WITHOUT ROWID;
-- Their positions at a checkpoint.
CREATE TABLE further_position (
    partition INTEGER NOT NULL, checkpoint INTEGER NOT NULL, input INTEGER NOT NULL,
    position INTEGER NOT NULL, PRIMARY KEY (partition, checkpoint, input)
) STRICT, WITHOUT ROWID;
-- Whose commit a block of a keyed output came with: the number of the job's partition.
CREATE TABLE keyed_block (
    partition INTEGER NOT NULL, base INTEGER NOT NULL, origin INTEGER NOT NULL,
    PRIMARY KEY (partition, base)
) STRICT, WITHOUT ROWID;
";

/// Adds the tables of [`SHAPE`] to a store that has just been made for a job that needs them.
pub(crate) fn add_shape(db: &Connection) -> Sql<()> {
    db.execute_batch(SHAPE)?;
    db.pragma_update(None, "user_version", SHAPED)?;
    Ok(())
}

/// Whether the store has them.
pub(crate) fn is_shaped(db: &Connection) -> Sql<bool> {
    let mut select = db.prepare_cached("PRAGMA user_version")?;
    Ok(select.query_row([], |row| row.get::<_, u32>(0))? == SHAPED)
}

/// Kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Queue,
    JobStore,
}

/// What a file turned out to be.
enum FileOwner {
    Ours,
    /// Nothing in it yet.
    Empty,
}

impl Layout {
    /// `SeQu` and `SeHo` in ASCII.
    fn application_id(self) -> i32 {
        i32::from_be_bytes(match self {
            Layout::Queue => *b"SeQu",
            Layout::JobStore => *b"SeHo",
        })
    }

    fn of(application_id: i32) -> Option<Layout> {
        [Layout::Queue, Layout::JobStore]
            .into_iter()
            .find(|it| it.application_id() == application_id)
    }

    /// How long a statement waits for another process.
    pub(crate) fn busy_wait(self) -> Duration {
        match self {
            Layout::Queue => limits::QUEUE_BUSY_WAIT,
            Layout::JobStore => limits::STORE_BUSY_WAIT,
        }
    }

    fn noun(self) -> &'static str {
        match self {
            Layout::Queue => "a queue",
            Layout::JobStore => "a store",
        }
    }
}

/// Opens a file that is there. `None`: there is none, or nothing is in it yet.
pub(crate) fn open(path: &Path, at: &str, layout: Layout) -> Result<Option<Connection>> {
    if fs::metadata(path).is_ok_and(|file| file.is_dir()) {
        return Err(Error::Foreign { at: at.to_owned(), what: "it is a folder".to_owned() });
    }
    if !path.exists() {
        return Ok(None);
    }
    let identified = |db: Connection| {
        // At one moment: another process may be making it.
        let moment = db.unchecked_transaction()?;
        let found = identify(&moment, at, layout)?;
        moment.commit()?;
        Ok(match found {
            FileOwner::Ours => Some(db),
            FileOwner::Empty => None,
        })
    };
    let opened = connect(path, layout, OpenFlags::empty()).and_then(&identified);
    #[cfg(unix)]
    let opened = opened.or_else(|fault| {
        if fault.code().is_some() && read_only::is_at_rest(path) {
            return identified(prepared(read_only::open(path, at)?, layout)?);
        }
        Err(fault)
    });
    opened.map_err(|fault: Fault| fault.named(at, "opening it"))
}

/// Opens a file, and makes it with its folders first where it is missing, with pages of that many
/// bytes.
///
/// Others may make it at the same moment: SQLite then says that it is busy without waiting, so this
/// does the waiting.
pub(crate) fn open_or_make(
    path: &Path,
    at: &str,
    layout: Layout,
    page_bytes: usize,
) -> Result<Connection> {
    let until = Instant::now() + limits::MAKE_WAIT;
    loop {
        match try_open_or_make(path, at, layout, page_bytes) {
            Err(Error::Busy { .. }) if Instant::now() < until => thread::sleep(limits::MAKE_PAUSE),
            made => return made,
        }
    }
}

fn try_open_or_make(
    path: &Path,
    at: &str,
    layout: Layout,
    page_bytes: usize,
) -> Result<Connection> {
    if let Some(db) = open(path, at, layout)? {
        return Ok(db);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or(Ok(()), make_folder).map_err(|source| Error::Io {
        at: at.to_owned(),
        doing: "making its folder",
        source,
    })?;
    make(path, at, layout, page_bytes).map_err(|fault| fault.named(at, "making it"))
}

fn connect(path: &Path, layout: Layout, also: OpenFlags) -> Sql<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | also;
    prepared(Connection::open_with_flags(path, flags)?, layout)
}

/// A connection with our settings.
fn prepared(db: Connection, layout: Layout) -> Sql<Connection> {
    db.busy_timeout(layout.busy_wait())?;
    // Else a statement is prepared again whenever another value is bound to it.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(limits::STATEMENTS);
    db.execute_batch("PRAGMA synchronous = FULL")?;
    cache_by_bytes(&db)?;
    checkpoint_by_bytes(&db)?;
    Ok(db)
}

/// Has the page cache hold as many bytes as it may: SQLite keeps to the number of pages that these
/// were when they were said. So they are said again when the pages of a new file have their size.
fn cache_by_bytes(db: &Connection) -> Sql<()> {
    Ok(db.execute_batch(&format!("PRAGMA cache_size = -{}", limits::CACHE_BYTES >> 10))?)
}

/// Has the WAL go back into the file by its bytes: SQLite counts pages, whose size the file knows.
fn checkpoint_by_bytes(db: &Connection) -> Sql<()> {
    let page_bytes: usize = db.query_row("PRAGMA page_size", [], |row| row.get(0))?;
    let pages = limits::WAL_CHECKPOINT_BYTES / page_bytes;
    Ok(db.execute_batch(&format!("PRAGMA wal_autocheckpoint = {pages}"))?)
}

fn identify(db: &Connection, at: &str, layout: Layout) -> Sql<FileOwner> {
    let number = |sql| db.query_row(sql, [], |row| row.get::<_, i64>(0));
    let version = number("PRAGMA user_version")?;
    let application_id = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let foreign = |what| Err(Error::Foreign { at: at.to_owned(), what }.into());
    match Layout::of(application_id) {
        Some(found) if found != layout => {
            foreign(format!("it is {}, not {}", found.noun(), layout.noun()))
        }
        Some(Layout::JobStore) if version == i64::from(SHAPED) => Ok(FileOwner::Ours),
        Some(_) if version != i64::from(VERSION) => {
            let (at, known) = (at.to_owned(), VERSION);
            Err(match u32::try_from(version).unwrap_or_default() {
                found if found < known => Error::Older { at, found, known },
                found => Error::Newer { at, found, known },
            }
            .into())
        }
        Some(_) => Ok(FileOwner::Ours),
        None if (application_id, version, tables) == (0, 0, 0) => Ok(FileOwner::Empty),
        None => foreign("it is an SQLite file of another program".to_owned()),
    }
}

fn make(path: &Path, at: &str, layout: Layout, page_bytes: usize) -> Sql<Connection> {
    let db = connect(path, layout, OpenFlags::SQLITE_OPEN_CREATE)?;
    db.execute_batch(&format!("PRAGMA page_size = {page_bytes}"))?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    // Another process may have been faster.
    if matches!(identify(&db, at, layout)?, FileOwner::Empty) {
        db.execute_batch(TOPICS)?;
        db.execute_batch(CUTS)?;
        if layout == Layout::JobStore {
            db.execute_batch(STORE)?;
        }
        db.pragma_update(None, "application_id", layout.application_id())?;
        db.pragma_update(None, "user_version", VERSION)?;
    }
    db.execute_batch("COMMIT")?;
    cache_by_bytes(&db)?;
    checkpoint_by_bytes(&db)?;
    Ok(db)
}

/// Makes a folder and those above it, each durable in its parent.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    above.map_or(Ok(()), make_folder)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(above.unwrap_or(Path::new(".")))?.sync_all(),
    }
}
