//! Mapping of SQLite errors.

use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;

use seismic_queue::{CallFailed, Error, Kind};

use crate::system_error;

/// Why work on a file stopped; without the file's name, which the place that runs it adds.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite said no.
    Sql(rusqlite::Error),
    /// We did.
    Ours(Error),
}

/// Result of work on a connection.
pub(crate) type Sql<T> = std::result::Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Fault::Sql(system_error::added(error))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Fault::Ours(error)
    }
}

impl Fault {
    /// The error for `doing` something with the file `at`.
    pub(crate) fn named(self, at: &str, doing: &'static str) -> Error {
        match self {
            Fault::Ours(error) => error,
            Fault::Sql(source) => named(source, at, doing),
        }
    }

    /// SQLite's own code, if it was SQLite.
    pub(crate) fn code(&self) -> Option<rusqlite::ffi::Error> {
        match self {
            Fault::Sql(error) => error.sqlite_error().copied(),
            Fault::Ours(_) => None,
        }
    }
}

/// The error for `doing` something with the file `at`.
pub(crate) fn named(source: rusqlite::Error, at: &str, doing: &'static str) -> Error {
    let file = at.to_owned();
    let source = system_error::looked_up(source, Path::new(at.trim_start_matches("sqlite:")));
    match source.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full { at: file, doing },
        // The WAL's index could not grow: the same cause, said differently.
        Some(_) if extended(&source) == SQLITE_IOERR_SHMSIZE => Error::Full { at: file, doing },
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Error::Busy { at: file, doing }
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            Error::Corrupt { at: file, what: format!("{doing}: {source}") }
        }
        Some(ErrorCode::NotADatabase) => {
            Error::Foreign { at: file, what: "it is not an SQLite file".to_owned() }
        }
        _ => Error::backend(Kind::Fatal, CallFailed { at: file, doing, source }),
    }
}

fn extended(error: &rusqlite::Error) -> i32 {
    error.sqlite_error().map_or(0, |error| error.extended_code)
}

/// Whether a value is there but none that its column can have.
pub(crate) fn is_foreign_value(error: &rusqlite::Error) -> bool {
    matches!(
        error,
        rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
    )
}
