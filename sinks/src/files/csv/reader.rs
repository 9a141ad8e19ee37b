//! Reads the committed rows of a CSV folder, for `verify` and for tests.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ::csv::{ReaderBuilder, StringRecord};
use seismic_proto::{Row, Schema};
use seismic_queue::Offset;

use super::cells;
use super::commit_file::CommitFile;
use super::file_name::FileName;
use super::folder;
use crate::{Error, Result};

/// The rows that count in a folder, by the commit file that was there when it was opened. Takes no
/// lock: the sink may write at the same time.
#[derive(Debug)]
pub struct CsvReader {
    folder: PathBuf,
    schema: Schema,
    commit: CommitFile,
    files: Vec<FileName>,
}

impl CsvReader {
    /// Opens a folder with rows of this schema; `None` when no sink ever wrote there.
    ///
    /// # Errors
    /// When the commit file is damaged or the folder cannot be read.
    pub fn open(folder: &Path, schema: &Schema) -> Result<Option<Self>> {
        let Some(commit) = folder::read_commit_file(folder)? else {
            return Ok(None);
        };
        let last = commit.file().map_or(0, |(name, _)| name.number());
        let mut files = folder::files(folder)?;
        files.retain(|name| name.number() <= last);
        let (folder, schema) = (folder.to_owned(), schema.clone());
        Ok(Some(CsvReader { folder, schema, commit, files }))
    }

    /// Id of the store whose rows they are.
    #[must_use]
    pub fn store_id(&self) -> &str {
        self.commit.store()
    }

    /// Next row of each partition of the result topic, in order of partitions.
    #[must_use]
    pub fn next(&self) -> &[Offset] {
        self.commit.next()
    }

    /// The rows, in the order in which they were written: within a partition, that of the topic.
    ///
    /// # Errors
    /// [`Error::Content`] naming file and line; [`Error::Short`] when the newest file has fewer
    /// bytes than were synced.
    pub fn rows(&self) -> impl Iterator<Item = Result<Row>> {
        self.files.iter().flat_map(|name| match self.file(name) {
            Ok(rows) => Box::new(rows) as Box<dyn Iterator<Item = _>>,
            Err(error) => Box::new(std::iter::once(Err(error))),
        })
    }

    fn file(&self, name: &FileName) -> Result<impl Iterator<Item = Result<Row>>> {
        let at = self.folder.join(name.to_string());
        let file = File::open(&at).map_err(Error::io(&at, "opening the file"))?;
        let have = file.metadata().map_err(Error::io(&at, "opening the file"))?.len();
        let committed =
            self.commit.file().filter(|(last, _)| *last == name).map_or(have, |(_, b)| b);
        if have < committed {
            return Err(Error::Short { at, have, committed });
        }
        let lines = ReaderBuilder::new()
            .has_headers(false)
            .from_reader(BufReader::new(file.take(committed)))
            .into_records();
        let mut columns = 0;
        Ok(lines
            .enumerate()
            .filter_map(move |(i, line)| row(&self.schema, &mut columns, &at, i, line).transpose()))
    }
}

/// The row of a line; `None` for the header, which must be the first and says how many columns the
/// file has.
fn row(
    schema: &Schema,
    columns: &mut usize,
    at: &Path,
    i: usize,
    line: ::csv::Result<StringRecord>,
) -> Result<Option<Row>> {
    let refuse = |line, what: &str, source| {
        let (at, what) = (at.to_owned(), what.to_owned());
        Error::Content { at, line, what, source }
    };
    let cells = line.map_err(|e| {
        let line = e.position().map_or(0, ::csv::Position::line);
        refuse(line, "it is not CSV as we write it", Some(e))
    })?;
    let number = cells.position().map_or(0, ::csv::Position::line);
    match i {
        0 if cells::is_header(schema, &cells) => {
            *columns = cells.len();
            Ok(None)
        }
        0 => Err(refuse(number, "it does not begin with our columns", None)),
        _ => cells::read(schema, *columns, &cells)
            .map(Some)
            .map_err(|column| refuse(number, column, None)),
    }
}
