//! The system error behind a failure of SQLite to open, read or write a file.
//!
//! SQLite does not report it: "unable to open database file" may be a missing permission or too
//! many open files. Its last system call set `errno`, which this thread can still read right after
//! the failed call.

use std::io::{self, ErrorKind};
use std::path::Path;

use rusqlite::{Error, ErrorCode, ffi};

#[cfg(unix)]
use crate::refusal::refused;

/// The error with the system's words, where it is one of the system's. A write for which there is
/// no room becomes [`ErrorCode::DiskFull`], whatever the limit is: SQLite itself knows only
/// `ENOSPC`.
pub(crate) fn added(error: Error) -> Error {
    explained(error, &io::Error::last_os_error())
}

/// The error with what the system says of the file at `path` and its folder, where SQLite itself found
/// that it may not write, and no call of the system had to say so.
#[cfg(unix)]
pub(crate) fn looked_up(error: Error, path: &Path) -> Error {
    let Error::SqliteFailure(code, words) = error else { return error };
    let is_said = words.as_ref().is_some_and(|words| words.contains("os error"));
    if is_said || !matches!(code.code, ErrorCode::CannotOpen | ErrorCode::ReadOnly) {
        return Error::SqliteFailure(code, words);
    }
    let Some((place, system)) = refused(path) else {
        return Error::SqliteFailure(code, words);
    };
    let words = words.unwrap_or_else(|| code.to_string());
    let words = format!("{words}: {} cannot be written: {system}", place.display());
    Error::SqliteFailure(code, Some(words))
}

#[cfg(not(unix))]
pub(crate) fn looked_up(error: Error, _: &Path) -> Error {
    error
}

fn explained(error: Error, system: &io::Error) -> Error {
    let Error::SqliteFailure(code, words) = error else { return error };
    match code.code {
        _ if code.extended_code == ffi::SQLITE_IOERR_WRITE && is_full(system) => {
            Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_FULL), words)
        }
        ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::ReadOnly
            if is_telling(system) =>
        {
            let words = words.unwrap_or_else(|| code.to_string());
            Error::SqliteFailure(code, Some(format!("{words}: {system}{}", remedy(system))))
        }
        _ => Error::SqliteFailure(code, words),
    }
}

/// A full disk, a quota, or a limit of file sizes (`ulimit -f`).
fn is_full(system: &io::Error) -> bool {
    let kind = system.kind();
    matches!(kind, ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}

/// Whether it can be the cause. A call that found no file or was interrupted may be an older one,
/// which SQLite took in its stride.
fn is_telling(system: &io::Error) -> bool {
    let passed = [ErrorKind::NotFound, ErrorKind::Interrupted, ErrorKind::WouldBlock];
    system.raw_os_error().is_some_and(|code| code != 0) && !passed.contains(&system.kind())
}

fn remedy(system: &io::Error) -> &'static str {
    let of_files = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE];
    let is_out_of_files =
        of_files.iter().any(|errno| system.raw_os_error() == Some(errno.raw_os_error()));
    if is_out_of_files { "; raise the limit of open files (ulimit -n)" } else { "" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    fn system(errno: rustix::io::Errno) -> io::Error {
        io::Error::from_raw_os_error(errno.raw_os_error())
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_explained_by_the_system() {
        let error = explained(failure(ffi::SQLITE_CANTOPEN), &system(rustix::io::Errno::MFILE));
        let words = error.to_string();
        assert!(words.contains("unable to open"), "{words}");
        assert!(words.contains("Too many open files"), "{words}");
        assert!(words.contains("ulimit -n"), "{words}");
    }

    #[test]
    fn a_file_that_may_be_written_is_not_explained_by_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let error = looked_up(failure(ffi::SQLITE_READONLY), &folder.path().join("f.db"));
        assert!(!error.to_string().contains("os error"), "{error}");
    }

    #[test]
    fn a_write_beyond_a_quota_or_the_limit_of_file_sizes_is_a_full_disk() {
        for errno in [rustix::io::Errno::FBIG, rustix::io::Errno::DQUOT, rustix::io::Errno::NOSPC] {
            let error = explained(failure(ffi::SQLITE_IOERR_WRITE), &system(errno));
            assert_eq!(error.sqlite_error_code(), Some(ErrorCode::DiskFull), "{errno}");
        }
        let broken = explained(failure(ffi::SQLITE_IOERR_WRITE), &system(rustix::io::Errno::IO));
        assert_eq!(broken.sqlite_error_code(), Some(ErrorCode::SystemIoFailure));
    }

    #[test]
    fn a_call_that_found_no_file_explains_nothing() {
        let error = explained(failure(ffi::SQLITE_CANTOPEN), &system(rustix::io::Errno::NOENT));
        assert!(!error.to_string().contains("No such file"), "{error}");
    }
}
