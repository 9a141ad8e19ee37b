//! Who owns a home: a file next to it, locked by the operating system as long as the owner lives.
//!
//! The lock goes with the process, however it ends, so nothing has to be cleaned up. The file holds
//! the owner as text for whoever is refused; what it says means nothing without the lock.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use crate::{Error, Result};

/// The right to own a home, given back when dropped.
pub(super) struct Lock {
    _file: File,
}

/// Takes the lock of the home `path`.
///
/// # Errors
/// [`Error::Owned`] naming the one who has it. `since` is when this one began, for people.
pub(super) fn take(path: &Path, at: &str, since: &str) -> Result<Lock> {
    let io = |source| Error::Io { at: at.to_owned(), doing: "locking it", source };
    let mut name = OsString::from(path);
    name.push(".lock");
    let mut options = File::options();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(name).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {
            write_owner(&mut file, since).map_err(io)?;
            Ok(Lock { _file: file })
        }
        Err(TryLockError::WouldBlock) => {
            Err(Error::Owned { at: at.to_owned(), by: read_owner(&mut file) })
        }
        Err(TryLockError::Error(source)) => Err(io(source)),
    }
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
    let mut owner = Vec::new();
    match file.take(OWNER_BYTES).read_to_end(&mut owner) {
        Ok(1..) => String::from_utf8_lossy(&owner).into_owned(),
        _ => "another process".to_owned(),
    }
}
