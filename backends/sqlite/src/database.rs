//! One open file: its writer, and a connection for reading.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use crate::error::Sql;
use crate::file_identity::Identity;
use crate::main_file::MainFile;
use crate::schema::{self, Layout};
use crate::writer::Writer;
use seismic_queue::{Error, Kind, Result};

/// An opened queue or store file, shared by everything that came from one handle.
pub(crate) struct Database {
    /// Name in messages.
    pub(crate) at: String,
    pub(crate) writer: Writer,
    path: PathBuf,
    layout: Layout,
    looking: Mutex<Connection>,
    identity: Identity,
    /// Messages that the file had when that was looked at last, all partitions together.
    messages: AtomicU64,
    /// The same without the WAL.
    main: MainFile,
}

impl Database {
    /// The file, if it is there.
    pub(crate) fn open(path: &Path, layout: Layout) -> Result<Option<Arc<Database>>> {
        let at = name(path);
        let db = schema::open(path, &at, layout)?;
        db.map(|db| Self::around(db, path, at, layout)).transpose()
    }

    /// The file, made with pages of that many bytes if it is missing.
    pub(crate) fn open_or_make(
        path: &Path,
        layout: Layout,
        page_bytes: usize,
    ) -> Result<Arc<Database>> {
        let at = name(path);
        Self::around(schema::open_or_make(path, &at, layout, page_bytes)?, path, at, layout)
    }

    fn around(db: Connection, path: &Path, at: String, layout: Layout) -> Result<Arc<Database>> {
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        let writer = Writer::new(db, at.clone(), wal.into(), layout.busy_wait());
        let looking = Mutex::new(connect(path, &at, layout)?);
        let identity = Identity::of(path);
        let (main, path, messages) = (MainFile::at(path), path.to_owned(), AtomicU64::new(0));
        Ok(Arc::new(Database { at, writer, path, layout, looking, identity, messages, main }))
    }

    /// Whether the file is still in its place, and no other one was written over it: it never has
    /// fewer messages than before.
    pub(crate) fn check_place(&self) -> Result<()> {
        self.identity.check(&self.at)?;
        let sum = "SELECT coalesce(sum(next), 0) FROM partition";
        // Before it is counted: others count too, and may find more meanwhile.
        let before = self.messages.load(Ordering::Relaxed);
        let messages = self.look("looking whether it is still the same file", |db| {
            Ok(db.prepare_cached(sum)?.query_row([], |row| row.get::<_, u64>(0))?)
        });
        let messages = match messages {
            // The next look says it.
            Err(error) if error.kind() == Kind::Retry => return Ok(()),
            // Rather what happened than what SQLite makes of it.
            Err(_) if self.identity.check(&self.at).is_err() => {
                return self.identity.check(&self.at);
            }
            messages => messages?,
        };
        self.messages.fetch_max(messages, Ordering::Relaxed);
        if messages < before || self.main.is_overwritten() {
            return Err(Error::Overwritten { at: self.at.clone() });
        }
        Ok(())
    }

    /// Looks at the file as one moment left it.
    pub(crate) fn look<T>(
        &self,
        doing: &'static str,
        look: impl FnOnce(&Connection) -> Sql<T>,
    ) -> Result<T> {
        let db = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        let in_transaction = || {
            let moment = db.unchecked_transaction()?;
            let seen = look(&moment)?;
            moment.commit()?;
            Ok(seen)
        };
        in_transaction().map_err(|fault: crate::error::Fault| fault.named(&self.at, doing))
    }

    /// A connection for one reader.
    pub(crate) fn connect(&self) -> Result<Connection> {
        connect(&self.path, &self.at, self.layout)
    }
}

/// A further connection to a file that was there a moment ago.
fn connect(path: &Path, at: &str, layout: Layout) -> Result<Connection> {
    let what = "the file was taken away while it was in use".to_owned();
    schema::open(path, at, layout)?.ok_or(Error::Corrupt { at: at.to_owned(), what })
}

/// The URL, as messages name it.
pub(crate) fn name(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}
