//! The only way to change a file through a handle: group commit.
//!
//! A writer takes the connection, does its work in a savepoint of the open transaction, and leaves
//! the commit to writers that already wait for the connection; the last one commits for all, with
//! one fsync. So work that arrives during an fsync shares the next one, no thread or queue is
//! needed, bytes are not copied, and a group is never larger than the number of threads. Failed
//! work rolls back only its own savepoint.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, ffi};

use crate::error::{Fault, Sql};
use crate::failpoints;
use crate::limits;
use seismic_queue::Error;

/// Writes one file.
pub(crate) struct Writer {
    at: String,
    wal: PathBuf,
    /// How long a statement waits for another process.
    busy_wait: Duration,
    /// Threads that wait for the state.
    waiting: AtomicUsize,
    state: Mutex<WriterState>,
    /// Some group's outcome is known.
    settled: Condvar,
}

struct WriterState {
    db: Connection,
    /// The group whose transaction is open.
    open: Option<Arc<OnceLock<Outcome>>>,
    /// An fsync failed: what is on the disk is unknown, so nothing more is written.
    broken: bool,
    /// When the WAL was last too large and readers were waited for.
    waited: Option<Instant>,
    #[cfg(test)]
    commits: u64,
}

/// What became of a group's transaction.
#[derive(Clone, Copy)]
enum Outcome {
    Made,
    /// Nothing of it is there.
    Undone(ffi::Error),
    /// No one knows.
    Unknown(ffi::Error),
}

/// Why work is not known to be durable.
#[derive(Debug)]
pub(crate) enum Unmade {
    /// Nothing of it was written.
    Refused(Error),
    /// It may have been written.
    Unknown(Error),
}

impl From<Unmade> for Error {
    fn from(unmade: Unmade) -> Error {
        match unmade {
            Unmade::Refused(error) | Unmade::Unknown(error) => error,
        }
    }
}

impl Writer {
    pub(crate) fn new(db: Connection, at: String, wal: PathBuf, busy_wait: Duration) -> Self {
        let state = WriterState {
            db,
            open: None,
            broken: false,
            waited: None,
            #[cfg(test)]
            commits: 0,
        };
        let (waiting, settled) = (AtomicUsize::new(0), Condvar::new());
        Writer { at, wal, busy_wait, waiting, state: Mutex::new(state), settled }
    }

    /// Does `work` and returns when it is durable.
    ///
    /// # Panics
    /// When `work` does; nothing of it is written then.
    pub(crate) fn write<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Sql<T>,
    ) -> Result<T, Unmade> {
        let mut state = self.enter();
        let group = state.join(&self.at, doing).map_err(Unmade::Refused)?;
        let done = catch_unwind(AssertUnwindSafe(|| in_savepoint(&state.db, work)));
        if state.db.is_autocommit() {
            state.settle(Outcome::Undone(cause(&done)));
            self.settled.notify_all();
        } else if self.waiting.load(Ordering::SeqCst) == 0 {
            let outcome = state.commit();
            state.settle(outcome);
            self.settled.notify_all();
            self.bound_wal(&mut state);
        }
        while group.get().is_none() {
            state = self.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        drop(state);
        let value = done.unwrap_or_else(|panic| resume_unwind(panic));
        let value = value.map_err(|fault| Unmade::Refused(fault.named(&self.at, doing)))?;
        let named = |code| Fault::Sql(rusqlite::Error::SqliteFailure(code, None));
        match group.get().expect("it was waited for") {
            Outcome::Made => Ok(value),
            Outcome::Undone(code) => Err(Unmade::Refused(named(*code).named(&self.at, doing))),
            Outcome::Unknown(code) => Err(Unmade::Unknown(named(*code).named(&self.at, doing))),
        }
    }

    /// The connection itself, for tests.
    #[cfg(test)]
    pub(crate) fn with<T>(&self, act: impl FnOnce(&Connection) -> T) -> T {
        act(&self.enter().db)
    }

    /// Takes the state. It cannot be poisoned half changed: work is done under `catch_unwind`.
    fn enter(&self) -> MutexGuard<'_, WriterState> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        state
    }

    /// Moves the WAL into the file when readers kept it from starting over for too long.
    fn bound_wal(&self, state: &mut WriterState) {
        let large = fs::metadata(&self.wal).is_ok_and(|wal| wal.len() > limits::WAL_BYTES);
        if !large || state.waited.is_some_and(|last| last.elapsed() < limits::WAL_WAIT) {
            return;
        }
        let moved = state.db.busy_timeout(limits::WAL_WAIT).and_then(|()| {
            state.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
        });
        if !matches!(moved, Ok(0)) {
            tracing::debug!(at = self.at, "readers keep the WAL from being moved into the file");
        }
        state.waited = Some(Instant::now());
        let restored = state.db.busy_timeout(self.busy_wait);
        restored.expect("setting a timeout of an open connection cannot fail");
    }
}

impl WriterState {
    /// The open group, begun if there is none.
    fn join(&mut self, at: &str, doing: &'static str) -> Result<Arc<OnceLock<Outcome>>, Error> {
        if self.broken {
            return Err(Error::Stopped { at: at.to_owned() });
        }
        if let Some(group) = &self.open {
            return Ok(group.clone());
        }
        let begun = run(&self.db, "BEGIN IMMEDIATE");
        begun.map_err(|error| Fault::from(error).named(at, doing))?;
        Ok(self.open.insert(Arc::default()).clone())
    }

    fn commit(&mut self) -> Outcome {
        let Err(error) = make(&self.db) else {
            #[cfg(test)]
            (self.commits += 1);
            return Outcome::Made;
        };
        let code = cause::<()>(&Ok(Err(Fault::from(error))));
        if !self.db.is_autocommit() {
            // If even this fails, the next BEGIN says so.
            let _ = run(&self.db, "ROLLBACK");
        }
        // Only an I/O error leaves it open whether the commit reached the disk.
        match code.code {
            ErrorCode::SystemIoFailure if code.extended_code != ffi::SQLITE_IOERR_SHMSIZE => {
                self.broken = true;
                Outcome::Unknown(code)
            }
            _ => Outcome::Undone(code),
        }
    }

    fn settle(&mut self, outcome: Outcome) {
        let group = self.open.take().expect("a group is settled once, while it is open");
        let first = group.set(outcome).is_ok();
        assert!(first, "a group is settled once");
    }
}

/// SQLite's reason, or, when it gave none, that the transaction was aborted.
fn cause<T>(done: &std::thread::Result<Sql<T>>) -> ffi::Error {
    let code = match done {
        Ok(Err(fault)) => fault.code(),
        _ => None,
    };
    code.unwrap_or_else(|| ffi::Error::new(ffi::SQLITE_ABORT))
}

/// Does `work`, and takes it back if it fails.
fn in_savepoint<T>(db: &Connection, work: impl FnOnce(&Connection) -> Sql<T>) -> Sql<T> {
    run(db, "SAVEPOINT work")?;
    let done = catch_unwind(AssertUnwindSafe(|| work(db)));
    if !matches!(done, Ok(Ok(_))) && !db.is_autocommit() {
        run(db, "ROLLBACK TO work")?;
    }
    if !db.is_autocommit() {
        run(db, "RELEASE work")?;
    }
    done.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Commits, unless a test has its fsync fail.
fn make(db: &Connection) -> rusqlite::Result<()> {
    match failpoints::failing_fsync() {
        None => return run(db, "COMMIT"),
        Some(failpoints::Lost::Nothing) => run(db, "COMMIT")?,
        Some(failpoints::Lost::All) => run(db, "ROLLBACK")?,
    }
    Err(rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_IOERR_FSYNC), None))
}

fn run(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn insert(value: i64) -> impl FnOnce(&Connection) -> Sql<()> {
        move |db| Ok(db.execute("INSERT INTO t VALUES (?1)", [value]).map(drop)?)
    }

    fn values(writer: &Writer) -> Vec<i64> {
        writer.with(|db| {
            let mut select = db.prepare("SELECT x FROM t ORDER BY x").unwrap();
            let values = select.query_map([], |row| row.get(0)).unwrap();
            values.collect::<Result<_, _>>().unwrap()
        })
    }

    #[test]
    fn work_that_waits_shares_one_commit_and_failed_work_takes_only_itself_back() {
        let folder = tempfile::tempdir().unwrap();
        let db = Connection::open(folder.path().join("db")).unwrap();
        db.execute_batch("CREATE TABLE t (x)").unwrap();
        let wal = folder.path().join("db-wal");
        let writer = Writer::new(db, "db".to_owned(), wal, Duration::from_secs(1));
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                writer.write("first", |db| {
                    let begun = Instant::now();
                    while writer.waiting.load(Ordering::SeqCst) < 3 {
                        assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits");
                        thread::yield_now();
                    }
                    insert(1)(db)
                })
            });
            while writer.state.try_lock().is_ok() {
                thread::yield_now();
            }
            let second = scope.spawn(|| writer.write("second", insert(2)));
            let failing = scope.spawn(|| {
                writer.write("failing", |db| {
                    insert(3)(db)?;
                    Err::<(), _>(Error::Stopped { at: String::new() }.into())
                })
            });
            let panicking = scope.spawn(|| {
                writer.write("panicking", |db| {
                    insert(4)(db)?;
                    panic!("as a failpoint would");
                    #[allow(unreachable_code)]
                    Ok(())
                })
            });
            first.join().unwrap().unwrap();
            second.join().unwrap().unwrap();
            assert!(matches!(failing.join().unwrap(), Err(Unmade::Refused(_))));
            assert!(panicking.join().is_err());
        });
        assert_eq!(values(&writer), [1, 2]);
        assert_eq!(writer.enter().commits, 1);
        writer.write("after", insert(5)).unwrap();
        assert_eq!(values(&writer), [1, 2, 5]);
    }
}
