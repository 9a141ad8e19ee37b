//! Files that cannot be written: a backup on a disc, a read-only mount, a folder of another user.
//!
//! A file in WAL mode needs an index file next to it, which SQLite must be able to create. Where it
//! cannot, the file is opened as immutable. This is correct only as long as there is no WAL next to
//! it: anyone who writes to the file by another path has one.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::error::Sql;
use crate::refusal::{folder_of, is_refused};
use seismic_queue::Error;

/// Whether nothing beside the file can be made, and nobody writes to it.
pub(crate) fn is_at_rest(path: &Path) -> bool {
    let is_read_only =
        statvfs(path).is_ok_and(|media| media.f_flag.contains(StatVfsMountFlags::RDONLY));
    // Whoever writes to it as another user has a WAL, also an empty one.
    is_read_only || (is_refused(folder_of(path)) && !wal_of(path).exists())
}

fn wal_of(path: &Path) -> PathBuf {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    PathBuf::from(wal)
}

/// Opens a file as one that does not change.
///
/// # Errors
/// When commits are in a WAL beside it.
pub(crate) fn open(path: &Path, at: &str) -> Sql<Connection> {
    let wal = wal_of(path);
    if fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0) {
        let why = format!(
            "it cannot be written, and {} holds commits that are not in the file yet: \
             copy both to where files can be made, and look there",
            wal.display()
        );
        let (at, source) = (at.to_owned(), io::Error::new(io::ErrorKind::ReadOnlyFilesystem, why));
        return Err(Error::Io { at, doing: "opening it", source }.into());
    }
    Ok(open_without_wal(path)?)
}

/// Opens a file as one that does not change, whatever is in the WAL beside it.
pub(crate) fn open_without_wal(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri(path), flags)
}

/// The file as SQLite's URI that says that it does not change. Bytes with a meaning in a URI are
/// written as `%XX`; a path that begins with `//` would name a host.
fn uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    if path.is_absolute() {
        uri += "//";
    }
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(byte.into());
            }
            _ => uri += &format!("%{byte:02X}"),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_name_is_opened_and_cannot_be_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a b?c=1&d#e%20ü:f.db");
        Connection::open(&path)
            .unwrap()
            .execute_batch(
                "PRAGMA journal_mode = WAL; CREATE TABLE t (x); INSERT INTO t VALUES (7)",
            )
            .unwrap();
        let Ok(db) = open(&path, "it") else { panic!("it is there") };
        assert_eq!(db.query_row("SELECT x FROM t", [], |row| row.get::<_, i64>(0)), Ok(7));
        assert!(db.execute("INSERT INTO t VALUES (8)", []).is_err());
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is made beside it: {names:?}");
    }

    #[test]
    fn a_file_with_commits_beside_it_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let db = Connection::open(&path).unwrap();
        db.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x)").unwrap();
        let Err(fault) = open(&path, "it") else { panic!("a table is in the WAL") };
        let said = format!("{:?}", fault.named("it", "opening it"));
        assert!(said.contains("db-wal holds commits"), "{said}");
    }
}
