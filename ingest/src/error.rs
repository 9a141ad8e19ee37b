//! What can go wrong, where, and what the caller must do about it. Messages name no command-line
//! options: those are the caller's.

use std::io;
use std::path::PathBuf;

use seismic_queue::{Kind, Remedy};

use crate::invalid_option::InvalidOption;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong. Messages name the place and the remedy; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("{}", describe(invalid, &str::to_owned))]
    Options { invalid: Vec<InvalidOption> },
    #[error(transparent)]
    Queue(#[from] seismic_queue::Error),
    #[error("{}: {doing} failed", at.display())]
    Io { at: PathBuf, doing: &'static str, source: io::Error },
    #[error("{}, line {line}: {what}", at.display())]
    Line { at: PathBuf, line: u64, what: String },
    #[error(
        "{}, line {line}: device {device:?} is missing in {}; add a line with its location",
        at.display(), locations.display()
    )]
    NoLocation { at: PathBuf, line: u64, device: String, locations: PathBuf },
    #[error(
        "{} and {} hold the same bytes; name each file once",
        first.display(), second.display()
    )]
    SameFile { first: PathBuf, second: PathBuf },
    #[error("{} is not a regular file; this import reads its files twice", at.display())]
    NoFile { at: PathBuf },
    #[error("{topic:?} cannot be replayed into itself; name another destination topic")]
    SameTopic { topic: String },
}

impl Error {
    /// What a person can do about it, where that takes more than what the message says.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Error::Queue(error) => error.remedy(),
            _ => None,
        }
    }

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

/// Everything that is wrong with the options, where `name` turns the name of a field into that of
/// the option.
#[must_use]
pub fn describe(invalid: &[InvalidOption], name: &dyn Fn(&str) -> String) -> String {
    invalid.iter().map(|one| one.describe(name)).collect::<Vec<_>>().join("; ")
}
