//! A consistent copy of a file while others write to it.
//!
//! `VACUUM INTO` reads in one transaction, which blocks no one in WAL mode, and omits deleted
//! pages; it keeps our `application_id` and layout.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::database::name;
use crate::error::{Sql, named};
use crate::schema::{self, Layout};
use seismic_queue::{Error, Result};

/// Copies the queue or store in `from` to `to`, which must not be there, and flushes it to the
/// disk.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    let (at, copy) = (name(from), name(to));
    let db = match schema::open(from, &at, Layout::Queue) {
        Err(Error::Foreign { .. }) => schema::open(from, &at, Layout::JobStore),
        opened => opened,
    };
    let db = db?.ok_or_else(|| Error::StoreMissing { at: at.clone() })?;
    let path = to.to_str().ok_or_else(|| Error::Foreign {
        at: copy.clone(),
        what: "its name is not UTF-8".to_owned(),
    })?;
    db.execute("VACUUM INTO ?1", [path]).map_err(|error| named(error, &at, "copying it"))?;
    as_wal(to).map_err(|fault| fault.named(&copy, "finishing the copy"))?;
    let sync = || File::open(to)?.sync_all();
    sync().map_err(|source| Error::Io { at: copy, doing: "flushing the copy to the disk", source })
}

/// Every file of ours is in WAL mode, and a copy begins without it.
fn as_wal(path: &Path) -> Sql<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    Ok(())
}
