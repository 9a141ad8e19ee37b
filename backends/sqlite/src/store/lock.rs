//! The owner lock of a store: a file next to it, locked by the operating system as long as the
//! owner lives.
//!
//! The lock ends with the process, however it ends, so nothing has to be cleaned up. The file names
//! the owner for error messages; its content is meaningless without the lock.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use seismic_queue::{Error, Result, lock_file};

/// The right to own a store, given back when dropped.
pub(crate) struct Lock {
    _file: File,
}

/// Takes the lock of the store `path`.
///
/// # Errors
/// [`Error::Owned`] naming the one who has it. `since` is when this one began, for people.
pub(crate) fn acquire(path: &Path, at: &str, since: &str) -> Result<Lock> {
    let io = |source| Error::Io { at: at.to_owned(), doing: "locking it", source };
    let name = name_of(path);
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(name).map_err(io)?;
    if !lock_file(&file).map_err(io)? {
        return Err(Error::Owned { at: at.to_owned(), by: read_owner(&mut file) });
    }
    write_owner(&mut file, since).map_err(io)?;
    Ok(Lock { _file: file })
}

/// Who has the lock of the store `path`; `None`: no one.
pub(crate) fn owner(path: &Path, at: &str) -> Result<Option<String>> {
    let io = |source| Error::Io { at: at.to_owned(), doing: "looking at its lock", source };
    let mut file = match File::open(name_of(path)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(io)?,
    };
    // Shared, so that two that look do not see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(read_owner(&mut file))),
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
}

/// The file that is locked.
pub(crate) fn name_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

fn write_owner(file: &mut File, since: &str) -> io::Result<()> {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = if host.is_empty() { "this host" } else { host.trim() };
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {} on {host} since {since}", std::process::id())
}

/// Longest text that is read back.
const OWNER_BYTES: u64 = 500;

fn read_owner(file: &mut File) -> String {
    let mut lease = Vec::new();
    match file.take(OWNER_BYTES).read_to_end(&mut lease) {
        Ok(1..) => String::from_utf8_lossy(&lease).into_owned(),
        _ => "another process".to_owned(),
    }
}
