//! Rows as CSV files in a folder, each row exactly once.
//!
//! ```text
//! windows-000001-2026-11-21T09Z.csv   closed: never touched again, may be taken away
//! windows-000002-2026-11-21T10Z.csv   rows are added at its end
//! windows.mark                        how far files and rows count, see `mark.rs`
//! windows.lock                        locked, and naming its process, while one writes here
//! ```
//!
//! Position and rows agree because the mark decides what counts: rows first, then the mark, each
//! flushed to the disk in this order. On start the file that the mark names is cut back to the
//! marked length and files begun after it are deleted; the rows lost that way come again from the
//! topic. Only files of our own naming are ever deleted or changed.
//!
//! Cells are as `cells.rs` says (RFC 4180). A file is closed when it is full or its UTC hour, by
//! the wall clock at the time of writing, is over; the clock decides about names only, never about
//! rows.

mod cells;
mod commit_file;
mod file_name;
mod folder;
mod reader;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use seismic_queue::{Batch, Kind, Offset, Span};

use crate::spec::{Context, Entry};
use crate::{Error, Result, Sink, failpoints, limits, rows};
use commit_file::Mark;
use file_name::FileName;
use folder::Folder;

pub use cells::COLUMNS;
pub use reader::Content;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "csv",
    form: "csv[:DIR]",
    target: Some("output/seismic_agg_result"),
    open: |folder, context| Ok(Box::new(Csv::open(Path::new(folder), context)?)),
};

/// Writes rows to the CSV files of one folder, which it locks until it is dropped.
#[derive(Debug)]
pub struct Csv {
    name: String,
    folder: Folder,
    context: Context,
    file_bytes: u64,
    clock: fn() -> Timestamp,
    /// The file that rows are added to; `None` before the first one.
    file: Option<Open>,
    /// Next row of each partition.
    next: Vec<Offset>,
    /// Whether the mark says what `file` and `next` say.
    marked: bool,
    /// Encoded rows of one batch, so that each batch is one write.
    encoded: Vec<u8>,
    /// After a failure that leaves open what is on the disk nothing is tried again: a second fsync
    /// may say `Ok` for pages that the first one lost.
    broken: bool,
}

/// A file that rows are added to.
#[derive(Debug)]
struct Open {
    name: FileName,
    file: File,
    /// Length in bytes of header and whole batches. The file itself is never longer between calls.
    bytes: u64,
    /// Whether its folder was synced since it was made.
    in_folder: bool,
}

impl Csv {
    /// Makes the folder if it is missing and locks it.
    ///
    /// # Errors
    /// [`Error::Owned`], naming the process that writes there.
    pub fn open(folder: &Path, context: &Context) -> Result<Self> {
        let folder = Folder::take(folder)?;
        Ok(Csv {
            name: format!("csv:{}", folder.path().display()),
            folder,
            context: context.clone(),
            file_bytes: limits::CSV_FILE_BYTES,
            clock: Timestamp::now,
            file: None,
            next: Vec::new(),
            marked: false,
            encoded: Vec::new(),
            broken: false,
        })
    }

    /// Closes a file once it is at least this many bytes long
    /// (default [`limits::CSV_FILE_BYTES`]).
    #[must_use]
    pub fn file_bytes(self, file_bytes: u64) -> Self {
        Csv { file_bytes, ..self }
    }

    /// Takes the hours of file names from this clock.
    #[must_use]
    pub fn clock(self, clock: fn() -> Timestamp) -> Self {
        Csv { clock, ..self }
    }

    /// Does `act` unless an earlier one has left the disk in doubt.
    fn attempt<T>(&mut self, act: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.broken {
            return Err(Error::Broken { at: self.folder.path().to_owned() });
        }
        let done = act(self);
        self.broken = matches!(&done, Err(error) if error.kind() == Kind::Fatal);
        done
    }

    fn write_rows(&mut self, rows: &Batch) -> Result<()> {
        let place = rows.partition().0 as usize;
        let first = rows.messages().next().map_or(rows.next(), |message| message.offset);
        assert!(first >= self.next[place], "rows come in order, from where recovery said");
        self.encode(rows)?;
        if !self.encoded.is_empty() {
            self.roll()?;
            self.append()?;
            failpoints::pass(failpoints::AFTER_WRITE)?;
        }
        self.next[place] = rows.next();
        self.marked = false;
        Ok(())
    }

    fn encode(&mut self, rows: &Batch) -> Result<()> {
        self.encoded.clear();
        let mut lines = cells::Writer::new(&mut self.encoded);
        for message in rows.messages() {
            lines.row(&rows::decode(&self.context.topic, rows.partition(), message)?);
        }
        Ok(())
    }

    /// Begins a file when there is none, or when the present one is full or of another hour. The
    /// mark covers the old one first, so at most one file is ever begun after the mark.
    fn roll(&mut self) -> Result<()> {
        let now = (self.clock)();
        let number = match &self.file {
            None => 1,
            Some(file) if file.bytes > 0 && self.is_over(file, now) => file.name.number() + 1,
            Some(_) => return Ok(()),
        };
        self.sync_rows()?;
        let name = FileName::new(number, now);
        let file = self.folder.begin(&name)?;
        self.file = Some(Open { name, file, bytes: 0, in_folder: false });
        Ok(())
    }

    fn is_over(&self, file: &Open, now: Timestamp) -> bool {
        file.bytes >= self.file_bytes || !file.name.is_of_hour(now)
    }

    /// Adds the encoded rows, with the header before the first of a file. When that fails, the
    /// file is cut back, so that what is in it is always whole batches.
    fn append(&mut self) -> Result<()> {
        let open = self.file.as_mut().expect("roll has begun one");
        if open.bytes == 0 {
            self.encoded.splice(0..0, cells::header());
        }
        let (half, rest) = self.encoded.split_at(self.encoded.len() / 2);
        let written = open
            .file
            .write_all(half)
            .and_then(|()| failpoints::pass_io(failpoints::WRITE))
            .and_then(|()| open.file.write_all(rest));
        if let Err(error) = written {
            let at = self.folder.file(&open.name);
            if let Err(source) = cut(&mut open.file, open.bytes) {
                return Err(Error::Io { at, doing: "cutting back", source });
            }
            return Err(Error::io(&at, "writing rows")(error));
        }
        open.bytes += self.encoded.len() as u64;
        Ok(())
    }

    fn sync_rows(&mut self) -> Result<()> {
        if self.marked {
            return Ok(());
        }
        if let Some(open) = &mut self.file {
            folder::sync(&open.file, &self.folder.file(&open.name))?;
            failpoints::pass(failpoints::AFTER_FSYNC)?;
            if !open.in_folder {
                self.folder.sync()?;
                open.in_folder = true;
            }
        }
        let file = self.file.as_ref().map(|open| (open.name.clone(), open.bytes));
        self.folder.write_mark(&Mark::new(&self.context.store_id, file, &self.next))?;
        self.marked = true;
        Ok(())
    }

    /// The mark that counts: the one that is there, or the first one.
    fn mark(&self, rows: &[Span]) -> Result<Mark> {
        let store = &self.context.store_id;
        let mark = match self.folder.mark()? {
            Some(mark) => mark,
            None if self.folder.files()?.is_empty() => {
                let oldest: Vec<_> = rows.iter().map(|span| span.first).collect();
                let mark = Mark::new(store, None, &oldest);
                self.folder.write_mark(&mark)?;
                mark
            }
            None => {
                return Err(Error::MarkMissing { at: self.folder.mark_file() });
            }
        };
        if mark.store() != store {
            let (at, stored) = (self.folder.path().to_owned(), mark.store().to_owned());
            return Err(Error::OtherStore { at, stored, asked: store.clone() });
        }
        // Those that the topic got since are shown from their first row on.
        let added = rows.get(mark.next().len()..).ok_or_else(|| {
            let what = "it has more partitions than the result topic";
            Error::MarkDamaged { at: self.folder.mark_file(), what }
        })?;
        Ok(mark.with(added.iter().map(|span| span.first)))
    }

    /// Makes the folder what the mark says.
    fn restore(&mut self, mark: &Mark) -> Result<()> {
        self.file = None;
        if let Some((name, bytes)) = mark.file() {
            let mut file = self.folder.reopen(name, bytes)?;
            let at = self.folder.file(name);
            cut(&mut file, bytes).map_err(Error::io(&at, "cutting back"))?;
            self.file = Some(Open { name: name.clone(), file, bytes, in_folder: true });
        }
        failpoints::pass(failpoints::IN_TRUNCATION)?;
        let last = mark.file().map_or(0, |(name, _)| name.number());
        for name in self.folder.files()?.iter().filter(|name| name.number() > last) {
            self.folder.remove(name)?;
        }
        self.folder.sync()?;
        self.next = mark.next().to_vec();
        self.marked = true;
        Ok(())
    }
}

impl Sink for Csv {
    fn name(&self) -> &str {
        &self.name
    }

    /// A new folder begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        self.attempt(|csv| {
            let mark = csv.mark(rows)?;
            csv.restore(&mark)?;
            Ok(csv.next.clone())
        })
    }

    fn write(&mut self, rows: &Batch) -> Result<()> {
        self.attempt(|csv| csv.write_rows(rows))
    }

    fn sync(&mut self) -> Result<()> {
        self.attempt(Self::sync_rows)
    }
}

/// Cuts a file to its first `bytes` and goes on writing there.
fn cut(file: &mut File, bytes: u64) -> std::io::Result<()> {
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(())
}
