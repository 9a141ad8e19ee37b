//! Reads the items of one file in its format.

use std::path::Path;

use super::csv::CsvReader;
use super::item::ParsedLine;
use super::jsonl;
use super::options::Format;
use crate::files::lines::Lines;
use crate::{Result, limits};

/// One file's items.
pub(crate) enum ItemReader {
    Jsonl(Lines),
    Csv(CsvReader),
}

impl ItemReader {
    /// Opens a file; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be opened, or a CSV header names unknown fields.
    pub(crate) fn open(format: Format, file: &Path) -> Result<Self> {
        let limit = match format {
            Format::Jsonl => limits::JSON_LINE_BYTES,
            Format::Csv => limits::LINE_BYTES,
        };
        let lines = if is_stdin(file) { Lines::stdin(limit)? } else { Lines::open(file, limit)? };
        match format {
            Format::Jsonl => Ok(ItemReader::Jsonl(lines)),
            Format::Csv => CsvReader::open(lines).map(ItemReader::Csv),
        }
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<ParsedLine>> {
        let lines = match self {
            ItemReader::Csv(rows) => return rows.next(),
            ItemReader::Jsonl(lines) => lines,
        };
        loop {
            let item = match lines.read()? {
                None => return Ok(None),
                Some(Ok(line)) if line.trim_ascii().is_empty() => continue,
                Some(Ok(line)) => jsonl::parse(line),
                Some(Err(too_long)) => Err(too_long.to_string()),
            };
            return Ok(Some(ParsedLine { number: lines.number(), item }));
        }
    }
}

/// Whether a path stands for standard input.
pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}
