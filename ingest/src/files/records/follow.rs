//! Follows files that grow and folders that get new ones, until a stop.
//!
//! A line is taken when its end is there. A file that is replaced under its name, as logs are when
//! they are rotated, is read to its end first; one that was cut is read from its start, and what of
//! it is in already is recognised.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::live_import::Flush;
use super::noted_import::NotedImport;
use super::options::Options;
use super::plan::PlannedFile;
use crate::appender::Appender;
use crate::files::lines::Lines;
use crate::files::parse::item::Next;
use crate::files::parse::reader::{ItemReader, line_limit};
use crate::{Error, Result, limits};

/// What is followed.
pub(super) struct Follow<'a> {
    options: &'a Options,
    /// Files and folders as they were named.
    named: Vec<PathBuf>,
    files: HashMap<PathBuf, FollowedFile>,
    scanned: Option<Instant>,
}

/// A file that is followed.
struct FollowedFile {
    /// Its number in the import.
    number: usize,
    reader: ItemReader,
    identity: FileId,
    /// Bytes that it had when it was last read to its end.
    length: u64,
    is_failed: bool,
}

/// What stays the same while a file is renamed or grows.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

impl FileId {
    fn of(meta: &Metadata) -> Self {
        FileId(meta.dev(), meta.ino())
    }
}

impl<'a> Follow<'a> {
    pub(super) fn new(options: &'a Options, named: Vec<PathBuf>) -> Self {
        Follow { options, named, files: HashMap::new(), scanned: None }
    }

    /// The regular files that are there now.
    pub(super) fn present(named: &[PathBuf]) -> Vec<PathBuf> {
        let mut files: Vec<_> = named.iter().flat_map(|named| listed(named)).collect();
        files.sort();
        files.dedup();
        files
    }

    /// Follows until the stop. Files that the import has are gone on with.
    ///
    /// # Errors
    /// With `strict` the first refused line, and errors of the queue.
    pub(super) fn run(
        &mut self,
        import: &mut NotedImport<'_>,
        appender: &mut Appender<'_>,
        stop: &AtomicBool,
    ) -> Result<()> {
        let numbers: Vec<_> = import.paths().cloned().enumerate().collect();
        for (number, path) in numbers {
            self.resume(import, number, &path)?;
        }
        let mut flush = Flush::default();
        loop {
            let is_last = stop.load(Ordering::Relaxed);
            let mut has_more = self.look_for_new(import, appender)?;
            let paths: Vec<_> = self.files.keys().cloned().collect();
            for path in paths {
                has_more |= self.read_on(import, &path)?;
                if import.run.publisher.batcher.is_full() && !import.flush(appender) {
                    return Ok(());
                }
            }
            if (flush.is_due() || is_last) && !import.flush(appender) {
                return Ok(());
            }
            if is_last {
                import.run.summary.stopped = true;
                return Ok(());
            }
            if !has_more {
                thread::sleep(limits::LIVE_WAIT);
            }
        }
    }

    /// Opens a file that the import has behind what was read of it.
    fn resume(&mut self, import: &mut NotedImport<'_>, number: usize, path: &Path) -> Result<()> {
        let behind = import.files[number].plan.track.line;
        let opened = || -> Result<FollowedFile> {
            let failed = |source| Error::Io { at: path.to_owned(), doing: "looking at", source };
            let identity = FileId::of(&fs::metadata(path).map_err(failed)?);
            let lines = Lines::following(path, line_limit(self.options.format))?;
            let mut reader = ItemReader::new(self.options.format, &self.options.read, lines);
            reader.skip_to(behind)?;
            Ok(FollowedFile { number, reader, identity, length: 0, is_failed: false })
        };
        match opened() {
            Ok(file) => drop(self.files.insert(path.to_owned(), file)),
            Err(error) => import.run.fail(error)?,
        }
        Ok(())
    }

    /// Begins with files that were not there before.
    fn look_for_new(
        &mut self,
        import: &mut NotedImport<'_>,
        appender: &mut Appender<'_>,
    ) -> Result<bool> {
        if self.scanned.is_some_and(|last| last.elapsed() < limits::FOLDER_SCAN) {
            return Ok(false);
        }
        self.scanned = Some(Instant::now());
        let new: Vec<_> = Self::present(&self.named)
            .into_iter()
            .filter(|path| !self.files.contains_key(path))
            .take(limits::FOLLOWED_FILES.saturating_sub(self.files.len()))
            .collect();
        // What is known of them must have what was read already.
        let is_settled = new.is_empty() || import.flush(appender) && import.settle(appender);
        if !is_settled {
            return Ok(false);
        }
        for path in &new {
            self.begin(import, path)?;
        }
        Ok(!new.is_empty())
    }

    fn begin(&mut self, import: &mut NotedImport<'_>, path: &Path) -> Result<()> {
        // A file that was renamed goes on where it was.
        if let Ok(meta) = fs::metadata(path) {
            let id = FileId::of(&meta);
            let renamed = self.files.iter().find(|(old, file)| {
                file.identity == id
                    && fs::metadata(old).map_or(true, |meta| FileId::of(&meta) != id)
            });
            if let Some(old) = renamed.map(|(old, _)| old.clone()) {
                let mut file = self.files.remove(&old).expect("it was found");
                file.reader.lines_mut().rename(path);
                self.files.insert(path.to_owned(), file);
                return Ok(());
            }
        }
        let Some(plan) = Self::plan(import, path)? else {
            return Ok(());
        };
        let number = import.add_file(plan);
        import.import_mended(number)?;
        self.resume(import, number, path)
    }

    /// What is known of a file; `None` when it cannot be read.
    fn plan(import: &mut NotedImport<'_>, path: &Path) -> Result<Option<PlannedFile>> {
        let planned = import.plan(path);
        match planned {
            Ok(plan) => Ok(Some(plan)),
            Err(error) => import.run.fail(error).map(|()| None),
        }
    }

    /// Reads what a file has got. Whether it may have more.
    fn read_on(&mut self, import: &mut NotedImport<'_>, path: &Path) -> Result<bool> {
        let Some(file) = self.files.get_mut(path).filter(|file| !file.is_failed) else {
            return Ok(false);
        };
        let now = fs::metadata(path).ok();
        let length = now.as_ref().map_or(0, Metadata::len);
        let is_same = now.as_ref().is_some_and(|meta| FileId::of(meta) == file.identity);
        if is_same && length == file.length {
            return Ok(false);
        }
        let is_over = !is_same || length < file.reader.lines().offset();
        if !is_same {
            // Nobody writes to it any more: its last line is whole.
            file.reader.lines_mut().end_live();
        }
        let number = file.number;
        for _ in 0..limits::LINES_AT_ONCE {
            match file.reader.next() {
                Ok(Next::Line(line)) => {
                    import.need_key(number, &line)?;
                    import.take(number, line)?;
                }
                Ok(Next::Pending | Next::End) if is_over => {
                    self.files.remove(path);
                    return Ok(true);
                }
                Ok(Next::Pending | Next::End) => {
                    file.length = length;
                    return Ok(false);
                }
                Err(error) => {
                    file.is_failed = true;
                    import.run.fail(error)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

/// A file itself, or the files of a folder, without those that are hidden.
fn listed(named: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(named) else {
        return if named.is_file() { vec![named.to_owned()] } else { Vec::new() };
    };
    let is_hidden = |path: &PathBuf| {
        path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.filter(|path| !is_hidden(path) && path.is_file()).collect()
}
