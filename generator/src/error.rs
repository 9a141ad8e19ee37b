//! What can go wrong, where, and what the caller must do about it.

use std::io;
use std::path::PathBuf;

use seismic_queue::Kind;

use crate::options::Wrong;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Messages name the place and the remedy; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("{}", wrong.iter().map(Wrong::to_string).collect::<Vec<_>>().join("; "))]
    Options { wrong: Vec<Wrong> },
    #[error(transparent)]
    Queue(#[from] seismic_queue::Error),
    #[error("{}: {doing} failed", at.display())]
    Io { at: PathBuf, doing: &'static str, source: io::Error },
    #[error("{}, line {line}: {what}", at.display())]
    Line { at: PathBuf, line: u64, what: String },
    #[error(
        "{}, line {line}: device {device:?} has no place in {}; add a line for it there",
        at.display(), locations.display()
    )]
    NoLocation { at: PathBuf, line: u64, device: String, locations: PathBuf },
    #[error(
        "{} and {} hold the same bytes; name each file once",
        first.display(), second.display()
    )]
    SameFile { first: PathBuf, second: PathBuf },
    #[error("{} is not a file, and what can be read only once cannot be imported here", at.display())]
    NoFile { at: PathBuf },
    #[error("{topic:?} cannot be replayed into itself; name another --topic")]
    SameTopic { topic: String },
}

impl Error {
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Queue(error) => error.kind(),
            Error::Options { .. }
            | Error::SameFile { .. }
            | Error::NoFile { .. }
            | Error::SameTopic { .. }
            | Error::NoLocation { .. } => Kind::Config,
            Error::Line { .. } => Kind::Data,
            Error::Io { .. } => Kind::Fatal,
        }
    }
}
