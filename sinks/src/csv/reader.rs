//! What a CSV folder holds, read back: for `verify`, and for the tests of the sink.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use ::csv::{ReaderBuilder, StringRecord};
use seismic_proto::SeismicAggRecord;
use seismic_queue::Offset;

use super::cells;
use super::commit_file::Mark;
use super::file_name::FileName;
use super::folder;
use crate::{Error, Result};

/// The rows that count in a folder, as its mark was when it was opened. Takes no lock: the sink may
/// go on writing.
#[derive(Debug)]
pub struct Content {
    folder: PathBuf,
    mark: Mark,
    files: Vec<FileName>,
}

impl Content {
    /// Looks into a folder; `None` when no sink ever wrote there.
    ///
    /// # Errors
    /// When the mark is damaged or the folder cannot be read.
    pub fn open(folder: &Path) -> Result<Option<Self>> {
        let Some(mark) = folder::read_mark(folder)? else {
            return Ok(None);
        };
        let last = mark.file().map_or(0, |(name, _)| name.number());
        let mut files = folder::files(folder)?;
        files.retain(|name| name.number() <= last);
        Ok(Some(Content { folder: folder.to_owned(), mark, files }))
    }

    /// Id of the store whose rows they are.
    #[must_use]
    pub fn store_id(&self) -> &str {
        self.mark.store()
    }

    /// Next row of each partition of the result topic, in order of partitions.
    #[must_use]
    pub fn next(&self) -> &[Offset] {
        self.mark.next()
    }

    /// The rows, in the order in which they were written: within a partition, that of the topic.
    ///
    /// # Errors
    /// [`Error::Content`] naming file and line; [`Error::Short`] when the newest file has fewer
    /// bytes than were synced.
    pub fn rows(&self) -> impl Iterator<Item = Result<SeismicAggRecord>> {
        self.files.iter().flat_map(|name| match self.file(name) {
            Ok(rows) => Box::new(rows) as Box<dyn Iterator<Item = _>>,
            Err(error) => Box::new(std::iter::once(Err(error))),
        })
    }

    fn file(&self, name: &FileName) -> Result<impl Iterator<Item = Result<SeismicAggRecord>>> {
        let at = self.folder.join(name.to_string());
        let file = File::open(&at).map_err(Error::io(&at, "opening the file"))?;
        let have = file.metadata().map_err(Error::io(&at, "opening the file"))?.len();
        let marked = self.mark.file().filter(|(last, _)| *last == name).map_or(have, |(_, b)| b);
        if have < marked {
            return Err(Error::Short { at, have, marked });
        }
        let lines = ReaderBuilder::new()
            .has_headers(false)
            .from_reader(BufReader::new(file.take(marked)))
            .into_records();
        Ok(lines.enumerate().filter_map(move |(i, line)| row(&at, i, line).transpose()))
    }
}

/// The row of a line; `None` for the header, which must be the first.
fn row(at: &Path, i: usize, line: ::csv::Result<StringRecord>) -> Result<Option<SeismicAggRecord>> {
    let refuse = |line, what, source| Error::Content { at: at.to_owned(), line, what, source };
    let cells = line.map_err(|e| {
        let line = e.position().map_or(0, ::csv::Position::line);
        refuse(line, "it is not CSV as we write it", Some(e))
    })?;
    let number = cells.position().map_or(0, ::csv::Position::line);
    match i {
        0 if cells == cells::COLUMNS[..] => Ok(None),
        0 => Err(refuse(number, "it does not begin with our columns", None)),
        _ => cells::read(&cells).map(Some).map_err(|column| refuse(number, column, None)),
    }
}
