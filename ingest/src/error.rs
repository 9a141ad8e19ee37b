//! Errors: what went wrong, where, and what the caller must do about it. Messages name no
//! command-line options; the caller adds those.

use std::io;
use std::path::PathBuf;

use seismic_queue::{Kind, Remedy};

use crate::hint::Hint;
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
    #[error("{} is neither a file nor a live input", at.display())]
    NoFile { at: PathBuf },
    #[error("{}: {what}", at.display())]
    NotText { at: PathBuf, what: &'static str },
    #[error("{} changed while it was read; import it again", at.display())]
    Changed { at: PathBuf },
    #[error("{}: {what}", at.display())]
    Damaged { at: PathBuf, what: String },
    #[error("{}, line {line}: {what}", at.display())]
    Header { at: PathBuf, line: u64, what: String, hint: Option<Hint> },
    #[error(
        "{at} cannot remember how far an import has come with a file, so that after a restart every \
         line of the files that are followed would be imported again"
    )]
    NoFollowing { at: String },
    #[error(
        "{} may be in the topic already: it holds more than can be looked through, and none of the \
         file is in its last part, so nothing of it is imported",
        at.display()
    )]
    MayBeThere { at: PathBuf },
    #[error(
        "{} begins as a file that was imported before and is not the same: it was changed, or is \
         packed \
         and has grown, and it cannot be determined here which of its records were imported, so \
         nothing of it is imported",
        at.display()
    )]
    NotTheSame { at: PathBuf },
    #[error(
        "it cannot be determined which of these messages were imported: the topic has messages of \
         other imports, or more than can be searched, so nothing is imported"
    )]
    MessagesMayBeThere,
    #[error("{published} records are in the topic; the rest is not")]
    Partly { published: u64, source: Box<Error> },
    #[error("{topic:?} cannot be replayed into itself; name another destination topic")]
    SameTopic { topic: String },
}

impl Error {
    /// What a person can do about it, where that takes more than what the message says.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Error::Queue(error) => error.remedy(),
            Error::Partly { source, .. } => source.remedy(),
            _ => None,
        }
    }

    /// Which way of reading might help.
    #[must_use]
    pub fn hint(&self) -> Option<Hint> {
        match self {
            Error::Header { hint, .. } => *hint,
            Error::MayBeThere { .. } | Error::NotTheSame { .. } | Error::MessagesMayBeThere => {
                Some(Hint::Again)
            }
            Error::NoFollowing { .. } => Some(Hint::FollowAgain),
            _ => None,
        }
    }

    /// Whether it is about one file, and others can be imported all the same.
    #[must_use]
    pub fn is_of_file(&self) -> bool {
        matches!(
            self,
            Error::Io { .. }
                | Error::NoFile { .. }
                | Error::NotText { .. }
                | Error::Changed { .. }
                | Error::Header { .. }
                | Error::MayBeThere { .. }
                | Error::NotTheSame { .. }
        )
    }

    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Queue(error) => error.kind(),
            Error::Options { .. }
            | Error::NoFile { .. }
            | Error::NoFollowing { .. }
            | Error::SameTopic { .. } => Kind::Config,
            Error::Line { .. }
            | Error::NotText { .. }
            | Error::Changed { .. }
            | Error::MayBeThere { .. }
            | Error::NotTheSame { .. }
            | Error::MessagesMayBeThere
            | Error::Damaged { .. }
            | Error::Header { .. } => Kind::Data,
            Error::Partly { source, .. } => source.kind(),
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
