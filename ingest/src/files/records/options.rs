//! What to import, and where to.

use std::path::PathBuf;

use crate::options::{Checks, PARTITIONS, TOPIC};
use crate::{Error, InvalidOption, Result};

/// How records are written. The names of the variants are part of the names of producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

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
}

impl Options {
    /// An import with the default topic and partitions that counts the lines it refuses.
    #[must_use]
    pub fn new(format: Format, files: Vec<PathBuf>) -> Self {
        let topic = TOPIC.to_owned();
        Options { format, files, topic, partitions: PARTITIONS, pack: 1, strict: false }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.files.is_empty() {
            return Err(Error::Options { invalid: vec![InvalidOption::NoFiles] });
        }
        let mut checks = Checks::default();
        checks.topic(&self.topic, self.partitions);
        checks.pack(self.pack, self.partitions);
        checks.finish()
    }
}
