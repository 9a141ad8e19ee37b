//! The job file: options of `seismic run` in TOML, so that a job can be kept, reviewed and shared.
//!
//! A key is the name of an option with `_` for `-`. An option that may be repeated takes a list, a
//! duration is text with a unit, and `kafka` is a table.
//!
//! ```toml
//! queue = "kafka://broker:9092"
//! window = "1s"
//! lateness = "500ms"
//! dedupe = "time"
//! rollup = ["10s", "60s"]
//! sink = ["console", "csv:rows"]                  # or a [[sink]] table for each
//! kafka = { "linger.ms" = "5" }
//! ```
//!
//! A sink with options may be a table, instead of one word with the options behind commas:
//!
//! ```toml
//! [[sink]]
//! type = "csv"
//! target = "rows"
//! flush_ms = "2s"
//! ```
//!
//! `--job FILE` sets these options; options on the command line override them. Every command that
//! looks at a job takes the file too, and of it where the job is: queue, store, group and Kafka's
//! settings. Everything that is wrong with a file is reported at once, whichever command reads it.

pub mod keys;
mod nearest;
mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::keys::Key;
use crate::error::Usage;
use crate::job::options::JobOptions;

/// A longer file is refused unread: nobody writes that many options, and reading takes a multiple.
const FILE_BYTES: u64 = 64 << 10;

/// What a file says.
#[derive(Clone, Debug, Default)]
pub struct JobFile {
    path: PathBuf,
    /// The options that it sets.
    pub options: JobOptions,
    /// What is wrong with it, in order of lines: `LINE: KEY: WHY` behind the name of the file.
    pub faults: Vec<String>,
    /// Line of each option, and its name as the file writes it.
    places: BTreeMap<&'static str, (usize, String)>,
}

impl JobFile {
    /// File, line and key of an option that it sets.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<String> {
        let (line, written) = self.places.get(key)?;
        Some(format!("{}:{line}: {written}", self.path.display()))
    }

    /// Whether each of its lines can be understood.
    ///
    /// # Errors
    /// [`Usage`] with all that cannot.
    pub fn check(&self) -> Result<(), Usage> {
        match self.faults.is_empty() {
            true => Ok(()),
            false => Err(Usage(self.faults.join("\n       "))),
        }
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// [`Usage`] when it cannot be read at all. What is wrong inside it is in [`JobFile::faults`].
pub fn open(path: &Path) -> Result<JobFile, Usage> {
    let refused = |why| Usage(format!("the job file {} {why}", path.display()));
    Ok(read(&text_of(path).map_err(refused)?, path))
}

/// The text of a file of a sensible size, or why there is none, to follow the file's name.
fn text_of(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("cannot be read: {error}");
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(format!("is longer than {} KiB", FILE_BYTES >> 10));
    }
    String::from_utf8(bytes).map_err(|_| "is not UTF-8".to_owned())
}

/// What `text`, the content of the file at `path`, says.
#[must_use]
pub fn read(text: &str, path: &Path) -> JobFile {
    let line = |span: Range<usize>| {
        let before = &text.as_bytes()[..span.start.min(text.len())];
        before.iter().filter(|&&byte| byte == b'\n').count() + 1
    };
    let mut file = JobFile { path: path.to_owned(), ..JobFile::default() };
    let mut faults: Vec<(usize, String)> = Vec::new();
    let (table, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(written, _)| written.span().start);
        for (written, value) in entries {
            let at = line(written.span());
            if let Err(why) = file.set(at, written.get_ref(), value) {
                faults.push((at, format!("{}: {why}", written.get_ref())));
            }
        }
    } else {
        let fault = |error: &toml::de::Error| {
            let words = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            (error.span().map_or(1, line), words)
        };
        faults.extend(errors.iter().map(fault));
    }
    faults.sort();
    let name = path.display();
    file.faults = faults.into_iter().map(|(at, why)| format!("{name}:{at}: {why}")).collect();
    file
}

impl JobFile {
    fn set(
        &mut self,
        line: usize,
        written: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), String> {
        let Key { name, set } = keys::find(written)?;
        if let Some((other, before)) = self.places.get(name) {
            return Err(format!("it is the same option as {before} in line {other}"));
        }
        set(&mut self.options, value.get_ref())?;
        self.places.insert(name, (line, written.to_owned()));
        Ok(())
    }
}
