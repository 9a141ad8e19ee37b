//! What to import, and the target.

use std::path::PathBuf;

use crate::files::parse::format::Format;
use crate::files::parse::read_options::ReadOptions;
use crate::options::{Checks, PARTITIONS, TOPIC};
use crate::{Error, InvalidOption, Result};

/// What to import, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// How the files are written.
    pub format: Format,
    /// Files, gzip or plain; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Where records go; made if it is missing.
    pub topic: String,
    /// Partitions of the topic.
    pub partitions: u32,
    /// Records per message, for records that are not in messages already.
    pub pack: u32,
    /// Whether the first refused line ends the import.
    pub strict: bool,
    /// How the files are to be understood.
    pub read: ReadOptions,
    /// Table of sensors that is applied to records.
    pub sensors: Option<PathBuf>,
    /// Whether to continue when the end of the files is reached, until stopped.
    pub follow: bool,
    /// Whether to import also what may be in already, where that cannot be told.
    pub again: bool,
}

impl Options {
    /// An import with the default topic and partitions that counts the lines it refuses.
    #[must_use]
    pub fn new(format: Format, files: Vec<PathBuf>) -> Self {
        Options {
            format,
            files,
            topic: TOPIC.to_owned(),
            partitions: PARTITIONS,
            pack: 1,
            strict: false,
            read: ReadOptions::default(),
            sensors: None,
            follow: false,
            again: false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.files.is_empty() {
            return Err(Error::Options { invalid: vec![InvalidOption::NoFiles] });
        }
        let mut checks = Checks::default();
        checks.topic(&self.topic, self.partitions);
        checks.pack(self.pack, self.partitions);
        self.read.faults().into_iter().for_each(|fault| checks.add(InvalidOption::Reading(fault)));
        checks.finish()
    }
}
