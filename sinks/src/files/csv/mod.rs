//! Rows as CSV files in a folder, each row exactly once.
//!
//! ```text
//! windows-000001-2026-11-21T09Z.csv   closed: never touched again, may be taken away
//! windows-000002-2026-11-21T10Z.csv   rows are added at its end
//! windows.mark                        how far files and rows count, see `commit_file.rs`
//! windows.lock                        locked, and naming its process, while one writes here
//! ```
//!
//! Position and rows agree because the commit file decides what counts: rows first, then the commit
//! file, each flushed to disk in this order. On start the file that it names is cut back to the
//! committed length, and later files are deleted; their rows are read from the topic again. Only
//! files that match our names are ever deleted or changed.
//!
//! `cells.rs` describes the cells (RFC 4180). A file is closed when it is full or its UTC hour, by
//! the wall clock at the time of writing, is over; the clock affects only names, never rows.

mod cells;
mod commit_file;
mod committed;
mod compare;
mod file_name;
mod folder;
mod lines;
mod reader;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use jiff::Timestamp;
use seismic_queue::{Fingerprint, Kind, Offset, Span, examine_folder};

use crate::entry::Entry;
use crate::files::durable;
use crate::options::{OptionKind, SinkOption};
use crate::position::mark::SinkMark;
use crate::{Context, Error, Result, Rows, Sink, failpoints, limits};
use commit_file::CommitFile;
use file_name::FileName;
use folder::Folder;

pub use cells::Times;
pub use committed::{Committed, committed_files};
pub use lines::CsvLines;
pub use reader::CsvReader;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "csv",
    form: "csv[:DIR]",
    target: Some("output/seismic_agg_result"),
    options: &[
        SinkOption {
            name: "file_bytes",
            kind: OptionKind::Bytes { min: 1, max: 1 << 40 },
            default: "64MiB",
            doc: "length at which a file is closed and the next one begun",
        },
        SinkOption {
            name: "time",
            kind: OptionKind::Word(&["ms", "iso"]),
            default: "ms",
            doc: "times as ms since 1970 UTC, or as ISO 8601 in UTC: 2020-06-23T15:29:05.250Z",
        },
    ],
    place: &[],
    name: |spec| folder::name(Path::new(spec.target())),
    passes_over: true,
    keeps_refused: false,
    is_remote: false,
    shows_only: false,
    file: |spec| Some(spec.target().into()),
    writes: |_| None,
    check: |_| Vec::new(),
    ddl: None,
    open: |spec, context| {
        let csv = Csv::open(Path::new(spec.target()), context)?;
        let times = if spec.number("time") == 0 { Times::Ms } else { Times::Iso };
        Ok(Box::new(csv.file_bytes(spec.number("file_bytes")).times(times)))
    },
    examine: |spec| examine_folder(Path::new(spec.target())),
    compare: Some(|spec, context, into| compare::compare(Path::new(spec.target()), context, into)),
    mark: Some(|spec, _| mark(Path::new(spec.target()))),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: None,
    bare: None,
};

/// What the commit file of a folder says.
fn mark(folder: &Path) -> Result<Option<SinkMark>> {
    let commit = folder::read_commit_file(folder)?;
    Ok(commit.map(|commit| SinkMark {
        store_id: commit.store().to_owned(),
        topic: None,
        next: commit.next().to_vec(),
    }))
}

/// Writes rows to the CSV files of one folder, which it locks until it is dropped.
#[derive(Debug)]
pub struct Csv {
    name: String,
    folder: Folder,
    context: Context,
    file_bytes: u64,
    times: Times,
    clock: fn() -> Timestamp,
    /// The file that rows are added to; `None` before the first one.
    file: Option<Open>,
    /// Next row of each partition.
    next: Vec<Offset>,
    /// The last row of each partition, as far as it is known.
    last: Vec<Option<Fingerprint>>,
    /// Whether the commit file says what `file` and `next` say.
    committed: bool,
    /// Encoded rows of one batch, so that each batch is one write.
    encoded: Vec<u8>,
    /// After a failure that leaves open what is on the disk nothing is retried: a second fsync may
    /// say `Ok` for pages that the first one lost.
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
    /// Whether it begins with other columns than rows have now: an older program began it.
    has_other_columns: bool,
}

impl Csv {
    /// Makes the folder if it is missing and locks it.
    ///
    /// # Errors
    /// [`Error::Owned`], naming the process that writes there.
    pub fn open(folder: &Path, context: &Context) -> Result<Self> {
        let folder = Folder::lock(folder)?;
        Ok(Csv {
            name: folder::name(folder.path()),
            folder,
            context: context.clone(),
            file_bytes: limits::CSV_FILE_BYTES,
            times: Times::Ms,
            clock: Timestamp::now,
            file: None,
            next: Vec::new(),
            last: Vec::new(),
            committed: false,
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

    /// Writes times like this (default [`Times::Ms`]).
    #[must_use]
    pub fn times(self, times: Times) -> Self {
        Csv { times, ..self }
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

    fn write_rows(&mut self, rows: &Rows<'_>) -> Result<()> {
        let place = rows.partition().0 as usize;
        let first = rows.messages().next().map_or(rows.next(), |message| message.offset);
        assert!(first >= self.next[place], "rows come in order, from where recovery said");
        self.encode(rows);
        if !self.encoded.is_empty() {
            self.roll()?;
            self.append()?;
            failpoints::pass(failpoints::AFTER_WRITE)?;
        }
        self.next[place] = rows.next();
        if let Some(last) = rows.messages().last() {
            self.last[place] = Some(Fingerprint::of(last));
        }
        self.committed = false;
        Ok(())
    }

    fn encode(&mut self, rows: &Rows<'_>) {
        self.encoded.clear();
        let mut lines = cells::Writer::new(&mut self.encoded).times(self.times);
        for at in rows.iter() {
            lines.row(rows.schema(), at.row);
        }
    }

    /// Begins a file when there is none, or when the present one is full or of another hour. The
    /// old one is committed first, so at most one file is ever begun after the commit file.
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
        let (in_folder, has_other_columns) = (false, false);
        self.file = Some(Open { name, file, bytes: 0, in_folder, has_other_columns });
        Ok(())
    }

    fn is_over(&self, file: &Open, now: Timestamp) -> bool {
        file.bytes >= self.file_bytes || file.has_other_columns || !file.name.is_of_hour(now)
    }

    /// Adds the encoded rows, with the header before the first of a file. When that fails, the
    /// file is cut back, so that what is in it is always whole batches.
    fn append(&mut self) -> Result<()> {
        let open = self.file.as_mut().expect("roll has begun one");
        if open.bytes == 0 {
            self.encoded.splice(0..0, cells::header(&self.context.schema));
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
        if self.committed {
            return Ok(());
        }
        if let Some(open) = &mut self.file {
            durable::sync(&open.file, &self.folder.file(&open.name))?;
            failpoints::pass(failpoints::AFTER_FSYNC)?;
            if !open.in_folder {
                self.folder.sync()?;
                open.in_folder = true;
            }
        }
        let file = self.file.as_ref().map(|open| (open.name.clone(), open.bytes));
        let commit = CommitFile::new(&self.context.owner(), file, &self.next).with_last(&self.last);
        self.folder.write_commit_file(&commit)?;
        self.committed = true;
        Ok(())
    }

    /// The commit file that counts: the one that is there, or the first one.
    fn commit_file(&self, rows: &[Span]) -> Result<CommitFile> {
        let store = &self.context.owner();
        let commit = match self.folder.commit_file()? {
            Some(commit) => commit,
            None if self.folder.files()?.is_empty() => {
                let oldest: Vec<_> = rows.iter().map(|span| span.first).collect();
                let commit = CommitFile::new(store, None, &oldest);
                self.folder.write_commit_file(&commit)?;
                commit
            }
            None => {
                return Err(Error::CommitFileMissing { at: self.folder.commit_path() });
            }
        };
        if commit.store() != store {
            let (at, stored) = (self.folder.path().to_owned(), commit.store().to_owned());
            return Err(Error::OtherStore { at, stored, asked: store.clone() });
        }
        // Partitions that the topic got since are shown from their first row on.
        let added = rows.get(commit.next().len()..).ok_or_else(|| {
            let what = "it has more partitions than the result topic";
            Error::CommitFileDamaged { at: self.folder.commit_path(), what }
        })?;
        Ok(commit.with_partitions(added.iter().map(|span| span.first)))
    }

    /// Makes the folder what the commit file says.
    fn restore(&mut self, commit: &CommitFile) -> Result<()> {
        self.file = None;
        if let Some((name, bytes)) = commit.file() {
            let mut file = self.folder.reopen(name, bytes)?;
            let at = self.folder.file(name);
            cut(&mut file, bytes).map_err(Error::io(&at, "cutting back"))?;
            let header = cells::header(&self.context.schema);
            let has_other_columns = bytes > 0 && !self.folder.begins_with(name, &header)?;
            let (name, in_folder) = (name.clone(), true);
            self.file = Some(Open { name, file, bytes, in_folder, has_other_columns });
        }
        failpoints::pass(failpoints::IN_TRUNCATION)?;
        let last = commit.file().map_or(0, |(name, _)| name.number());
        for name in self.folder.files()?.iter().filter(|name| name.number() > last) {
            self.folder.remove(name)?;
        }
        self.folder.sync()?;
        self.next = commit.next().to_vec();
        self.last = commit.last();
        self.committed = true;
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
            let commit = csv.commit_file(rows)?;
            csv.restore(&commit)?;
            Ok(csv.next.clone())
        })
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.last.clone()
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        self.attempt(|csv| csv.write_rows(rows))
    }

    fn sync(&mut self) -> Result<()> {
        self.attempt(Self::sync_rows)
    }
}

/// Cuts a file to its first `bytes`; the next write is appended there.
fn cut(file: &mut File, bytes: u64) -> std::io::Result<()> {
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(())
}
