//! Reads the items of one file in its format.

use std::path::Path;

use super::csv::CsvReader;
use super::format::Format;
use super::item::{Next, ParsedLine};
use super::jsonl::JsonReader;
use super::read_options::ReadOptions;
use crate::files::lines::{LineRead, Lines};
use crate::{Result, limits};

/// One file's items.
pub(crate) enum ItemReader {
    Jsonl(JsonReader),
    Csv(CsvReader),
}

impl ItemReader {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn open(format: Format, options: &ReadOptions, file: &Path) -> Result<Self> {
        Ok(Self::new(format, options, Lines::open(file, line_limit(format))?))
    }

    pub(crate) fn new(format: Format, options: &ReadOptions, lines: Lines) -> Self {
        match format {
            Format::Jsonl => ItemReader::Jsonl(JsonReader::new(lines, options)),
            Format::Csv => ItemReader::Csv(CsvReader::new(lines, options)),
        }
    }

    /// What comes next.
    ///
    /// # Errors
    /// When the file cannot be read, or a CSV header is none.
    pub(crate) fn next(&mut self) -> Result<Next> {
        match self {
            ItemReader::Csv(rows) => rows.next(),
            ItemReader::Jsonl(objects) => objects.next(),
        }
    }

    /// Reads on until behind that line, which was read before. What must be known of the file to
    /// continue, as a header, is kept.
    ///
    /// # Errors
    /// As [`ItemReader::next`].
    pub(crate) fn skip_to(&mut self, line: u64) -> Result<()> {
        while self.lines().number() < line {
            match self {
                // A header has to be read, and no row is costly to parse beside it.
                ItemReader::Csv(rows) if rows.has_header() => {
                    if matches!(rows.lines_mut().read()?, LineRead::End | LineRead::Pending) {
                        break;
                    }
                }
                ItemReader::Csv(rows) => {
                    if rows.read_header()? {
                        break;
                    }
                }
                ItemReader::Jsonl(_) => {
                    if matches!(self.lines_mut().read()?, LineRead::End | LineRead::Pending) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The next of these lines, which rise.
    ///
    /// # Errors
    /// As [`ItemReader::next`].
    pub(crate) fn next_of(&mut self, wanted: &[u64]) -> Result<Option<ParsedLine>> {
        loop {
            match self.next()? {
                Next::Line(line) if wanted.binary_search(&line.number).is_ok() => {
                    return Ok(Some(line));
                }
                Next::Line(line) if wanted.last().is_none_or(|&last| line.number > last) => {
                    return Ok(None);
                }
                Next::Line(_) => {}
                Next::Pending | Next::End => return Ok(None),
            }
        }
    }

    pub(crate) fn lines(&self) -> &Lines {
        match self {
            ItemReader::Csv(rows) => rows.lines(),
            ItemReader::Jsonl(objects) => objects.lines(),
        }
    }

    pub(crate) fn lines_mut(&mut self) -> &mut Lines {
        match self {
            ItemReader::Csv(rows) => rows.lines_mut(),
            ItemReader::Jsonl(objects) => objects.lines_mut(),
        }
    }

    /// Lines that were skipped because they begin with `#`.
    pub(crate) fn comments(&self) -> u64 {
        match self {
            ItemReader::Csv(rows) => rows.comments,
            ItemReader::Jsonl(_) => 0,
        }
    }
}

/// Bytes that a line may have.
pub(crate) fn line_limit(format: Format) -> usize {
    match format {
        Format::Jsonl => limits::JSON_LINE_BYTES,
        Format::Csv => limits::LINE_BYTES,
    }
}

/// Whether a path stands for standard input.
pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}
