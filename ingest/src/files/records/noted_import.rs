//! Imports files into a queue with an import log: merged by time, each continuing at its position.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_queue::{Before, NoteChange};

use super::file_items::FileItems;
use super::import_run::ImportRun;
use super::note_keys::NoteKeys;
use super::options::Options;
use super::plan::Planner;
use super::planned_file::PlannedFile;
use crate::appender::Appender;
use crate::files::merge::Merge;
use crate::files::parse::item::ParsedLine;
use crate::files::parse::reader::ItemReader;
use crate::{Error, Result, limits};

/// The import of some files.
pub(super) struct NotedImport<'a> {
    pub(super) run: ImportRun<'a>,
    options: &'a Options,
    pub(super) files: Vec<NotedFile>,
    /// Files whose notes change with what is in progress.
    touched: Vec<usize>,
    keys: NoteKeys,
    identity: Vec<u8>,
}

/// A file and what is remembered of it.
pub(super) struct NotedFile {
    pub(super) plan: PlannedFile,
    is_touched: bool,
    was_full: bool,
    /// Whether nothing more of it is imported.
    pub(super) is_failed: bool,
}

impl<'a> NotedImport<'a> {
    pub(super) fn new(
        run: ImportRun<'a>,
        options: &'a Options,
        (plans, keys): (Vec<PlannedFile>, NoteKeys),
    ) -> Self {
        let (files, touched, identity) = (Vec::new(), Vec::new(), Vec::new());
        let mut import = NotedImport { run, options, files, touched, keys, identity };
        for plan in plans {
            import.add_file(plan);
        }
        import
    }

    /// Adds a file, and says which number it has.
    pub(super) fn add_file(&mut self, plan: PlannedFile) -> usize {
        self.files.push(NotedFile { plan, is_touched: false, was_full: false, is_failed: false });
        self.files.len() - 1
    }

    /// What is known of a further file.
    ///
    /// # Errors
    /// Those of the file and the queue.
    pub(super) fn plan(&mut self, path: &Path) -> Result<PlannedFile> {
        let notes = self.run.notes.as_deref_mut().expect("files are noted");
        let mut planner = Planner::new(self.options, &self.run.publisher, notes);
        planner.keys = std::mem::take(&mut self.keys);
        let summary = &self.run.summary;
        let counted = (summary.published, summary.recognised, summary.refused.clone());
        let plan = planner.plan_one(path, self.run.summary);
        self.keys = planner.keys;
        let plan = plan?;
        // A file of this import under another name was counted when it was imported.
        if plan.key.is_some() && self.files.iter().any(|file| file.plan.key == plan.key) {
            let summary = &mut *self.run.summary;
            (summary.published, summary.recognised, summary.refused) = counted;
        }
        Ok(plan)
    }

    /// Imports all files, or what comes before a stop.
    ///
    /// # Errors
    /// With `strict` the first refused line, and errors of the queue.
    pub(super) fn run(&mut self, appender: &mut Appender<'_>, stop: &AtomicBool) -> Result<()> {
        let done = self.import_all(appender, stop);
        // What was read is published, however it ended.
        self.flush(appender);
        done
    }

    fn import_all(&mut self, appender: &mut Appender<'_>, stop: &AtomicBool) -> Result<()> {
        for file in 0..self.files.len() {
            if stop.load(Ordering::Relaxed) {
                self.run.summary.stopped = true;
                return Ok(());
            }
            if !self.import_mended(file, appender)? {
                return Ok(());
            }
        }
        let mut items = Vec::with_capacity(self.files.len());
        let mut numbers = Vec::with_capacity(self.files.len());
        for (number, file) in self.files.iter().enumerate().filter(|(_, file)| !file.is_failed) {
            let ahead = limits::WAITING_PACKED_BYTES / self.files.len();
            let behind = file.plan.track.line;
            match FileItems::open(self.options, &file.plan.at, behind, ahead) {
                Ok(mut file) => {
                    if self.files.len() > limits::OPEN_FILES {
                        crate::files::merge::TimedItems::suspend(&mut file);
                    }
                    items.push(file);
                    numbers.push(number);
                }
                Err(error) => self.run.fail(error)?,
            }
        }
        let mut merge = Merge::new(items);
        while let Some((place, line)) = merge.next() {
            if stop.load(Ordering::Relaxed) {
                self.run.summary.stopped = true;
                return Ok(());
            }
            self.need_key(numbers[place], &line)?;
            self.import_line(numbers[place], line)?;
            if self.run.publisher.batcher.is_full() && !self.flush(appender) {
                return Ok(());
            }
        }
        for (place, items) in merge.into_files().into_iter().enumerate() {
            let at = self.files[numbers[place]].plan.at.clone();
            let comments = items.reader().comments();
            let damage = items.reader().lines().damage().map(str::to_owned);
            match items.failure {
                Some(error) => self.run.fail(error)?,
                None => self.run.end_file(&at, comments, damage.as_deref()),
            }
        }
        Ok(())
    }

    /// Imports lines that were refused before and are not any more. They stay together with the
    /// note that says so; very many come in portions. `false` when appending has failed.
    ///
    /// # Errors
    /// With `strict` a file that cannot be read, and errors of the queue.
    pub(super) fn import_mended(
        &mut self,
        file: usize,
        appender: &mut Appender<'_>,
    ) -> Result<bool> {
        while !self.files[file].plan.mended.is_empty() {
            let lines = match self.read_mended(file) {
                Ok(lines) => lines,
                Err(error) => return self.fail_file(file, error),
            };
            for line in lines {
                let at = &self.files[file].plan.at;
                if let Some(given) = self.run.add_line(at, line, &mut self.identity)? {
                    let track = &mut self.files[file].plan.track;
                    track.messages += given.messages;
                    track.records += given.records;
                    self.touch(file);
                }
            }
            if !self.files[file].plan.has_rest {
                return Ok(!self.run.publisher.batcher.is_full() || self.flush(appender));
            }
            if !self.flush(appender) || !self.settle(appender) {
                return Ok(false);
            }
            let at = self.files[file].plan.at.clone();
            match self.plan(&at) {
                Ok(plan) if plan.key == self.files[file].plan.key => self.files[file].plan = plan,
                Ok(_) => return self.fail_file(file, Error::Changed { at }),
                Err(error) => return self.fail_file(file, error),
            }
        }
        Ok(true)
    }

    /// The lines of a portion, all of them before one is taken: the note says that all are in.
    fn read_mended(&self, file: usize) -> Result<Vec<ParsedLine>> {
        let PlannedFile { at, mended, .. } = &self.files[file].plan;
        let mut reader = ItemReader::open(self.options.format, &self.options.read, at)?;
        let mut lines = Vec::with_capacity(mended.len());
        while let Some(line) = reader.next_of(mended)? {
            let publisher = &self.run.publisher;
            if line.item.as_ref().is_ok_and(|item| publisher.check(item).is_ok()) {
                lines.push(line);
            }
        }
        if lines.len() < mended.len() {
            return Err(Error::Changed { at: at.clone() });
        }
        Ok(lines)
    }

    fn fail_file(&mut self, file: usize, error: Error) -> Result<bool> {
        self.files[file].is_failed = true;
        self.run.fail(error)?;
        Ok(true)
    }

    /// Takes the next line of a file.
    pub(super) fn import_line(&mut self, file: usize, line: ParsedLine) -> Result<()> {
        let place = (line.number, line.is_whole);
        let given = self.run.add_line(&self.files[file].plan.at, line, &mut self.identity)?;
        let NotedFile { plan, was_full, .. } = &mut self.files[file];
        match given {
            Some(given) => {
                plan.track.accept(place, &self.identity, (given.messages, given.records));
                self.touch(file);
            }
            None => {
                plan.track.refuse(place.0);
                if plan.track.is_full() && !*was_full {
                    *was_full = true;
                    let at = plan.at.display();
                    self.run.summary.remarks.add(format!(
                        "{at}: too many lines are refused to remember all of them; when they are \
                         corrected, their records are imported again"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Gives a file that had no records so far, and so no key, one by its first.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn need_key(&mut self, file: usize, line: &ParsedLine) -> Result<()> {
        let plan = &mut self.files[file].plan;
        if let (None, Ok(item)) = (&plan.key, &line.item) {
            let notes = self.run.notes.as_deref_mut().expect("files are noted");
            plan.key = Some(self.keys.new_key(notes, item)?);
        }
        Ok(())
    }

    fn touch(&mut self, file: usize) {
        let noted = &mut self.files[file];
        if !noted.is_touched {
            noted.is_touched = true;
            self.touched.push(file);
        }
    }

    /// Sends what is in progress, with the notes about it. `false` when appending has failed.
    pub(super) fn flush(&mut self, appender: &mut Appender<'_>) -> bool {
        let batcher = &mut self.run.publisher.batcher;
        batcher.close_packs(i64::MAX);
        if batcher.is_empty() {
            return appender.is_appending(batcher);
        }
        let mut changes = Vec::with_capacity(self.touched.len());
        for file in self.touched.drain(..) {
            let noted = &mut self.files[file];
            noted.is_touched = false;
            if let Some(key) = &noted.plan.key {
                let after = noted.plan.track.note().encode();
                let before = std::mem::replace(&mut noted.plan.stored, Before::Is(after.clone()));
                changes.push(NoteChange { key: key.clone(), before, after });
            }
        }
        changes.extend(self.run.newest.take_changes());
        appender.send_noted(&mut self.run.publisher.batcher, changes)
    }

    /// Waits until what was sent is durable. `false` when appending has failed.
    pub(super) fn settle(&mut self, appender: &mut Appender<'_>) -> bool {
        appender.settle(&mut self.run.publisher.batcher)
    }

    /// The paths of all files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.files.iter().map(|file| &file.plan.at)
    }
}
