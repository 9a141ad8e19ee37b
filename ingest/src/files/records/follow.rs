//! Follows growing files and folders with new files, until a stop.
//!
//! A line is read when it is complete. A file that is replaced under its name, as in log rotation,
//! is read to its end first; a truncated file is read from its start, and its imported part is
//! recognised.
//!
//! A file is followed once, whatever its names and copies; among copies, the longest is followed. A
//! file that starts like a known one may be a copy in progress, and waits until its length is
//! unchanged between two checks.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use super::file_id::{FileId, FileState};
use super::live_import::Flush;
use super::noted_import::NotedImport;
use super::options::Options;
use super::planned_file::PlannedFile;
use super::present::present;
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
    /// Files that are not followed, as they were when that was decided.
    passed: HashMap<PathBuf, Passed>,
    /// Files that an earlier version imported: they are known as a whole.
    known: HashSet<FileId>,
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

/// A file that is not followed.
#[derive(Clone, Copy)]
struct Passed {
    state: FileState,
    why: Why,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It cannot be read. It is retried when it has changed.
    Failed,
    /// Another file has all of it. It is looked at again when it has changed, or the other is gone.
    Copy,
    /// It may become a copy.
    Waiting,
}

/// What an import knows of files before it follows them.
pub(super) struct PresentFiles {
    /// All that were there.
    pub(super) present: Vec<(PathBuf, FileState)>,
    /// Those that others have all of.
    pub(super) copies: Vec<PathBuf>,
    /// Those that an earlier version imported.
    pub(super) known: Vec<PathBuf>,
}

impl<'a> Follow<'a> {
    pub(super) fn new(options: &'a Options, named: Vec<PathBuf>, found: PresentFiles) -> Self {
        let (mut known, mut passed) = (HashSet::new(), HashMap::new());
        for (path, state) in found.present {
            if found.known.contains(&path) {
                known.insert(state.id);
                continue;
            }
            // Those that can be read are followed, and taken out of here again.
            let why = if found.copies.contains(&path) { Why::Copy } else { Why::Failed };
            passed.insert(path, Passed { state, why });
        }
        Follow { options, named, files: HashMap::new(), passed, known, scanned: None }
    }

    /// Follows until the stop. Files that the import has are continued.
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
            match self.passed.get_mut(&path) {
                Some(passed) if import.files[number].plan.is_older => passed.why = Why::Copy,
                Some(_) if import.files[number].is_failed => {}
                Some(passed) => {
                    let state = passed.state;
                    self.resume(import, number, (&path, state))?;
                }
                None => {}
            }
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
    fn resume(
        &mut self,
        import: &mut NotedImport<'_>,
        number: usize,
        (path, state): (&Path, FileState),
    ) -> Result<()> {
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
            Ok(file) => {
                self.passed.remove(path);
                self.files.insert(path.to_owned(), file);
                Ok(())
            }
            Err(error) => self.fail(import, (path, state), error),
        }
    }

    /// Remembers that a file cannot be read. It is counted once.
    fn fail(
        &mut self,
        import: &mut NotedImport<'_>,
        (path, state): (&Path, FileState),
        error: Error,
    ) -> Result<()> {
        let passed = Passed { state, why: Why::Failed };
        let before = self.passed.insert(path.to_owned(), passed);
        let is_counted = before.is_some_and(|it| it.why == Why::Failed && it.state.id == state.id);
        if is_counted && error.is_of_file() {
            return Ok(());
        }
        import.run.fail(error)
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
        let mut new = present(&self.named);
        self.passed.retain(|path, _| new.binary_search_by(|(it, _)| it.cmp(path)).is_ok());
        new.retain(|(path, state)| self.is_new(path, *state));
        if !new.is_empty() {
            self.keep_renamed(&mut new);
        }
        new.truncate(limits::FOLLOWED_FILES.saturating_sub(self.files.len()));
        // What is known of them must have what was read already.
        let is_settled = new.is_empty() || import.flush(appender) && import.settle(appender);
        if !is_settled {
            return Ok(false);
        }
        for (path, state) in &new {
            if !self.begin(import, appender, (path, *state))? {
                return Ok(false);
            }
        }
        Ok(!new.is_empty())
    }

    fn is_new(&self, path: &Path, state: FileState) -> bool {
        let is_passed = |it: &Passed| it.why != Why::Waiting && it.state == state;
        !self.files.contains_key(path)
            && !self.known.contains(&state.id)
            && !self.passed.get(path).is_some_and(is_passed)
    }

    /// Files that were renamed continue where they were, and further names of files that are
    /// followed are nothing new.
    fn keep_renamed(&mut self, new: &mut Vec<(PathBuf, FileState)>) {
        let followed: HashMap<FileId, PathBuf> =
            self.files.iter().map(|(path, file)| (file.identity, path.clone())).collect();
        new.retain(|(path, state)| {
            let Some(old) = followed.get(&state.id) else {
                return true;
            };
            if !state.id.is_at(old)
                && let Some(mut file) = self.files.remove(old)
            {
                file.reader.lines_mut().rename(path);
                self.passed.remove(path);
                self.files.insert(path.clone(), file);
            }
            false
        });
    }

    /// Begins with a file. `false` when appending has failed.
    fn begin(
        &mut self,
        import: &mut NotedImport<'_>,
        appender: &mut Appender<'_>,
        (path, state): (&Path, FileState),
    ) -> Result<bool> {
        let plan = match import.plan(path) {
            Ok(plan) => plan,
            Err(error) => return self.fail(import, (path, state), error).map(|()| true),
        };
        let before = self.passed.get(path).copied();
        // One without records may be a copy that has just begun.
        let may_be_copy = plan.may_be_copy || plan.key.is_none();
        let is_waiting = may_be_copy && before.is_none_or(|before| before.state != state);
        let other = self.with_key(import, plan.key.as_deref());
        let is_copy = plan.is_older || other.is_some() && !self.has_more(&plan);
        if is_waiting || is_copy {
            let why = if is_copy { Why::Copy } else { Why::Waiting };
            self.passed.insert(path.to_owned(), Passed { state, why });
            return Ok(true);
        }
        if let Some(other) = other {
            self.stop_following(&other);
        }
        let number = import.add_file(plan);
        if !import.import_mended(number, appender)? {
            return Ok(false);
        }
        if import.files[number].is_failed {
            self.passed.insert(path.to_owned(), Passed { state, why: Why::Failed });
            return Ok(true);
        }
        self.resume(import, number, (path, state)).map(|()| true)
    }

    /// The file that is followed with that note.
    fn with_key(&self, import: &NotedImport<'_>, key: Option<&[u8]>) -> Option<PathBuf> {
        let key = key?;
        let has_key =
            |file: &FollowedFile| import.files[file.number].plan.key.as_deref() == Some(key);
        self.files.iter().find(|(_, file)| has_key(file)).map(|(path, _)| path.clone())
    }

    /// Whether a file has lines behind what is known of it.
    fn has_more(&self, plan: &PlannedFile) -> bool {
        let next = || -> Result<Next> {
            let mut reader = ItemReader::open(self.options.format, &self.options.read, &plan.at)?;
            reader.skip_to(plan.track.line)?;
            reader.next()
        };
        matches!(next(), Ok(Next::Line(line)) if line.is_whole)
    }

    /// Another file has what this one had, and more.
    fn stop_following(&mut self, path: &Path) {
        if let Some(file) = self.files.remove(path) {
            // When it has grown since it was read, it is looked at again.
            let state = FileState { id: file.identity, length: file.length };
            self.passed.insert(path.to_owned(), Passed { state, why: Why::Copy });
        }
    }

    /// Reads the lines that were appended to a file. Returns whether there may be more.
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
            // No one writes to it any more: its last line is whole.
            file.reader.lines_mut().end_live();
        }
        let number = file.number;
        for _ in 0..limits::LINES_AT_ONCE {
            match file.reader.next() {
                Ok(Next::Line(line)) => {
                    import.need_key(number, &line)?;
                    import.import_line(number, line)?;
                    if import.run.publisher.batcher.is_full() {
                        return Ok(true);
                    }
                }
                Ok(Next::Pending | Next::End) if is_over => {
                    self.files.remove(path);
                    // What was copied before it was cut may have the rest of it.
                    self.passed.retain(|_, passed| passed.why != Why::Copy);
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
