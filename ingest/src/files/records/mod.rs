//! Records as JSON lines or CSV: with our own fields, as other programs write them, and as `seismic
//! read` prints them.
//!
//! Files of one import are merged by time; a record goes to the partition of its sensor, with the
//! sensor id as key. A printed message stays as it is, key and packing included, as long as its
//! records belong to the partition of its key. Otherwise (in a topic with another number of
//! partitions) its records are published one by one, so that a sensor stays in one partition.
//! Values are not checked; only lines that cannot be expressed as a record, or lack a required
//! field of a measurement, are refused.
//!
//! A queue with an import log recognises a file by its imported records: importing it again, under
//! any name, continues after them and retries refused lines. Other queues recognise only whole
//! files. Standard input or a pipe can be read only once: importing it again adds it again.

mod candidate;
mod content_import;
mod file_id;
mod file_items;
mod file_note;
mod follow;
mod grown_file;
mod import_run;
mod live_import;
mod live_input;
mod note_keys;
mod noted_import;
mod options;
mod plan;
mod planned_file;
mod present;
mod process_notes;
mod producer_names;
mod publisher;
mod summary;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use seismic_queue::{ImportLog, Queue, Topic, patiently};

use self::follow::{Follow, PresentFiles};
use self::grown_file::FilePart;
use self::import_run::ImportRun;
use self::noted_import::NotedImport;
pub use self::options::Options;
use self::plan::Planner;
use self::present::present;
use self::process_notes::ProcessNotes;
use self::producer_names::ProducerNames;
use self::publisher::Publisher;
pub use self::summary::{Defaults, RecordsSummary};
use crate::appender::{Destination, appending_to, per_second};
pub use crate::files::parse::event_time::{TimeUnit, UnknownUnit};
pub use crate::files::parse::field::RecordField;
pub use crate::files::parse::format::Format;
pub use crate::files::parse::read_options::ReadOptions;
use crate::files::parse::reader::is_stdin;
pub use crate::files::parse::refusals::Refusals;
use crate::{Error, Result};

/// Imports and returns when everything is durable. The topic is made if it is missing.
///
/// Ends early, and cleanly, soon after `stop` is set; importing files again continues from there.
/// `progress` receives the number of durable records from time to time.
///
/// # Errors
/// When no file can be read, with `strict` the first refused line or unreadable file, and errors of
/// the queue that do not pass. The records before the error are in the topic and are recognised by
/// the next import.
pub fn import(
    queue: &dyn Queue,
    options: &Options,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(u64),
) -> Result<RecordsSummary> {
    options.check()?;
    let began = Instant::now();
    let topic = patiently(stop, || queue.create(&options.topic, options.partitions))?;
    let mut summary =
        RecordsSummary { topic: topic.name.clone(), resumable: true, ..RecordsSummary::default() };
    let mut import = Import { queue, topic: &topic, options, stop, progress };
    if let Err(source) = import.all(&mut summary) {
        return Err(match summary.published - summary.recognised.min(summary.published) {
            0 => source,
            published => Error::Partly { published, source: Box::new(source) },
        });
    }
    let took = began.elapsed();
    summary.seconds = took.as_secs_f64();
    summary.records_per_second = per_second(summary.published, took);
    Ok(summary)
}

/// Files with the number of messages that were imported of each.
type KnownFiles = Vec<(PathBuf, u64)>;

/// Both sides of a queue's import log: one that is asked, and one that is written to.
type LogSides = (Box<dyn ImportLog>, Box<dyn ImportLog>);

struct Import<'a> {
    queue: &'a dyn Queue,
    topic: &'a Topic,
    options: &'a Options,
    stop: &'a AtomicBool,
    progress: &'a mut dyn FnMut(u64),
}

impl Import<'_> {
    /// Files first, merged; then live inputs, one after the other.
    fn all(&mut self, summary: &mut RecordsSummary) -> Result<()> {
        let is_live = |file: &&PathBuf| is_stdin(file) || is_stream(file);
        let (live, files): (Vec<_>, Vec<_>) = self.options.files.iter().partition(is_live);
        let files: Vec<PathBuf> = files.into_iter().cloned().collect();
        if !files.is_empty() {
            self.files(&files, summary)?;
        }
        for input in live {
            summary.resumable = false;
            if summary.stopped {
                break;
            }
            let before = summary.published;
            let mut run = ImportRun::new(self.options, None, summary)?;
            let mut progress = |n| (self.progress)(before + n);
            let to = (self.queue, self.topic);
            let tally = live_import::import_input(
                to,
                input,
                self.options,
                &mut run,
                self.stop,
                &mut progress,
            )?;
            summary.published += tally.records;
        }
        Ok(())
    }

    fn files(&mut self, files: &[PathBuf], summary: &mut RecordsSummary) -> Result<()> {
        let Some((mut notes, log)) = self.import_log()? else {
            if self.options.follow {
                return self.follow_without_notes(files, summary);
            }
            return self.whole_files(&content_import::by_first_time(self.options, files), summary);
        };
        self.noted_files(files, (&mut *notes, log), summary)
    }

    /// Both sides of the queue's import log, if it keeps one.
    fn import_log(&self) -> Result<Option<LogSides>> {
        let log = || self.queue.import_log(self.topic);
        Ok(patiently(self.stop, log)?.zip(patiently(self.stop, log)?))
    }

    /// Follows files into a queue that keeps no notes, where it was said that lines may come again.
    fn follow_without_notes(
        &mut self,
        files: &[PathBuf],
        summary: &mut RecordsSummary,
    ) -> Result<()> {
        if !self.options.again {
            return Err(Error::NoFollowing { at: self.queue.name() });
        }
        summary.resumable = false;
        let [mut notes, log] = patiently(self.stop, || ProcessNotes::pair(self.queue, self.topic))?;
        self.noted_files(files, (&mut *notes, log), summary)
    }

    /// Files that are known by notes.
    fn noted_files(
        &mut self,
        files: &[PathBuf],
        (notes, log): (&mut dyn ImportLog, Box<dyn ImportLog>),
        summary: &mut RecordsSummary,
    ) -> Result<()> {
        let present = if self.options.follow { present(files) } else { Vec::new() };
        let all = match self.options.follow {
            true => present.iter().map(|(path, _)| path.clone()).collect(),
            false => files.to_vec(),
        };
        let (known, files_to_plan) = match summary.resumable {
            true => self.imported_before(all)?,
            false => (Vec::new(), all),
        };
        self.known_files(&known, summary)?;
        if summary.stopped {
            return Ok(());
        }
        let publisher = Publisher::of(self.options)?;
        let mut planner = Planner::new(self.options, &publisher, notes);
        let plans = planner.plan_all(&files_to_plan, summary)?;
        let known = known.into_iter().map(|(path, _)| path).collect();
        let found = PresentFiles { present, copies: planner.copies, known };
        let plans = (plans, planner.keys);
        let run = ImportRun::new(self.options, Some(notes), summary)?;
        let mut import = NotedImport::new(run, self.options, plans);
        let before = import.run.summary.published;
        let mut progress = |n| (self.progress)(before + n);
        let (stop, options) = (self.stop, self.options);
        let destination = Destination::ImportLog(log);
        let (tally, done) = appending_to(destination, stop, &mut progress, |appender| {
            import.run(appender, stop)?;
            match options.follow && !import.run.summary.stopped {
                true => {
                    Follow::new(options, files.to_vec(), found).run(&mut import, appender, stop)
                }
                false => Ok(()),
            }
        });
        summary.published += tally.records;
        done
    }

    /// Files that are recognised as a whole or not at all, one after the other.
    fn whole_files(&mut self, files: &[PathBuf], summary: &mut RecordsSummary) -> Result<()> {
        let names = ProducerNames::new(self.options)?;
        let known = || self.queue.known_producers(self.topic);
        let mut known = patiently(self.stop, known)?;
        for file in files {
            let mut run = ImportRun::new(self.options, None, summary)?;
            let of = (self.options, &names);
            let parts = match content_import::parts_of(of, file, known.as_ref()) {
                Ok(parts) => parts,
                Err(error) => {
                    run.fail(error)?;
                    continue;
                }
            };
            let mut behind = 0;
            for part in parts {
                if !self.import_part((file, &part, behind), summary)? || summary.stopped {
                    break;
                }
                behind = part.until.unwrap_or(behind);
                if let Some(known) = &mut known {
                    known.ids.insert(part.producer);
                }
            }
            if summary.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Imports the part of a file that comes behind that line; `false` when that failed, which is
    /// noted.
    fn import_part(
        &mut self,
        part: (&Path, &FilePart, u64),
        summary: &mut RecordsSummary,
    ) -> Result<bool> {
        let mut run = ImportRun::new(self.options, None, summary)?;
        let before = run.summary.published;
        let mut progress = |n| (self.progress)(before + n);
        let of = (self.queue, self.topic);
        let (options, stop) = (self.options, self.stop);
        let imported =
            content_import::import_file(of, part, options, &mut run, stop, &mut progress);
        match imported {
            Ok(tally) => {
                summary.published += tally.records;
                summary.recognised += tally.recognised;
                Ok(true)
            }
            Err(error) => {
                run.fail(error)?;
                Ok(false)
            }
        }
    }

    /// Files that a version of this program imported which knew them by their producer.
    fn known_files(
        &mut self,
        known: &[(PathBuf, u64)],
        summary: &mut RecordsSummary,
    ) -> Result<()> {
        for (file, appended) in known {
            let mut run = ImportRun::new(self.options, None, summary)?;
            let file = (file.as_path(), *appended);
            let done = content_import::recognise_file(file, self.options, &mut run, self.stop);
            if let Err(error) = done {
                run.fail(error)?;
            }
            if summary.stopped {
                break;
            }
        }
        Ok(())
    }

    /// Those of them with the number of messages of each; then the others.
    fn imported_before(&self, files: Vec<PathBuf>) -> Result<(KnownFiles, Vec<PathBuf>)> {
        let spans = self.queue.spans(self.topic)?;
        if spans.iter().all(|span| span.end.0 == 0) {
            return Ok((Vec::new(), files));
        }
        let producers = self.queue.known_producers(self.topic)?;
        let is_unknown =
            |id: &String| producers.as_ref().is_some_and(|known| !known.ids.contains(id));
        let (mut known, mut others) = (Vec::new(), Vec::new());
        if producers.as_ref().is_some_and(|known| known.ids.is_empty()) {
            return Ok((known, files));
        }
        let names = ProducerNames::new(self.options)?;
        for file in files {
            let appended = match names.of(&file) {
                Ok(producer) if is_unknown(&producer) => 0,
                Ok(producer) => self.appended_by(&producer)?,
                Err(_) => 0,
            };
            if appended > 0 { known.push((file, appended)) } else { others.push(file) }
        }
        Ok((known, others))
    }

    fn appended_by(&self, id: &str) -> Result<u64> {
        let mut producer = self.queue.producer(self.topic, id)?;
        let mut appended = 0;
        for partition in self.topic.all() {
            appended += producer.next_sequence(partition)?;
        }
        Ok(appended)
    }
}

/// Whether a path leads to a pipe or the like. A path that leads nowhere is a missing file.
fn is_stream(file: &Path) -> bool {
    std::fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir())
}
