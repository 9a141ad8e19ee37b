//! The plan of an import: what is known about each file, and where it continues.
//!
//! A file is looked up by its first records and compared with its note by a digest of the imported
//! records. If it has grown, it continues after them. Its refused lines are retried; corrected ones
//! come first.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use seismic_queue::{Before, ImportLog};

use super::candidate::{Agreement, Candidate, mended};
use super::file_note::{FileNote, Track};
use super::note_keys::{self, Anchor, NoteKeys};
use super::options::Options;
use super::planned_file::PlannedFile;
use super::publisher::Publisher;
use super::summary::RecordsSummary;
use crate::files::parse::item::Next;
use crate::files::parse::reader::ItemReader;
use crate::files::parse::refusal::Refusal;
use crate::files::parse::refusals::shortened;
use crate::{Error, Result, limits};

/// Looks files up.
pub(super) struct Planner<'a> {
    options: &'a Options,
    /// Says which records are refused.
    publisher: &'a Publisher,
    log: &'a mut dyn ImportLog,
    pub(super) keys: NoteKeys,
    /// Files that others have all of.
    pub(super) copies: Vec<PathBuf>,
}

/// What a file gives in whole, when others of the same import begin as it does.
struct Whole {
    at: PathBuf,
    note: FileNote,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        options: &'a Options,
        publisher: &'a Publisher,
        log: &'a mut dyn ImportLog,
    ) -> Self {
        Planner { options, publisher, log, keys: NoteKeys::default(), copies: Vec::new() }
    }

    /// Plans all files. Those that cannot be read are noted in the summary.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn plan_all(
        &mut self,
        files: &[PathBuf],
        summary: &mut RecordsSummary,
    ) -> Result<Vec<PlannedFile>> {
        let mut readable = Vec::with_capacity(files.len());
        let mut alike: HashMap<Anchor, u32> = HashMap::new();
        for file in files {
            match self.anchors(file) {
                Ok(anchors) => {
                    if let Some(first) = anchors.first() {
                        *alike.entry(*first).or_default() += 1;
                    }
                    readable.push((file, anchors));
                }
                Err(error) if error.is_of_file() => summary.unread.add(&error, error.hint()),
                Err(error) => return Err(error),
            }
        }
        let is_alone = |anchors: &[Anchor]| anchors.first().is_none_or(|first| alike[first] == 1);
        let (alone, alike): (Vec<_>, Vec<_>) =
            readable.into_iter().partition(|(_, anchors)| is_alone(anchors));
        let others = self.shorter_first(alike, summary)?;
        let mut plans: Vec<PlannedFile> = Vec::with_capacity(files.len());
        let mut wholes: HashMap<Anchor, Vec<Whole>> = HashMap::new();
        for (file, anchors) in others {
            let among = wholes.entry(anchors[0]).or_default();
            let plan = self.plan(file, &anchors, Some(among), summary)?;
            // What this file holds in whole need not be imported apart.
            let dropped = plan.1;
            for name in &dropped {
                let same = format!(
                    "{} is the same as, or the beginning of, {}",
                    name.display(),
                    file.display()
                );
                summary.remarks.add(format!("{same}: its records are imported once"));
            }
            summary.files += dropped.len() as u64;
            plans.retain(|plan| !dropped.contains(&plan.at));
            self.copies.extend(dropped);
            plans.push(plan.0);
        }
        for (file, anchors) in alone {
            plans.push(self.plan(file, &anchors, None, summary)?.0);
        }
        let place = |plan: &PlannedFile| files.iter().position(|file| *file == plan.at);
        if plans.len() <= limits::OPEN_FILES {
            plans.sort_by_key(place);
        } else {
            plans.sort_by(|a, b| a.at.cmp(&b.at));
        }
        Ok(plans)
    }

    /// Files with fewer records first: they may be the beginning of others. How long they are on
    /// disk says nothing, since some are packed.
    fn shorter_first<'f>(
        &self,
        files: Vec<(&'f PathBuf, Vec<Anchor>)>,
        summary: &mut RecordsSummary,
    ) -> Result<Vec<(&'f PathBuf, Vec<Anchor>)>> {
        let mut counted = Vec::with_capacity(files.len());
        for (file, anchors) in files {
            match self.compare(file, &mut [], true) {
                Ok(track) => counted.push((track.accepted, file, anchors)),
                Err(error) if error.is_of_file() => summary.unread.add(&error, error.hint()),
                Err(error) => return Err(error),
            }
        }
        counted.sort_by_key(|(accepted, ..)| *accepted);
        Ok(counted.into_iter().map(|(_, file, anchors)| (file, anchors)).collect())
    }

    /// Digests of the first records; none for a file without.
    fn anchors(&self, file: &Path) -> Result<Vec<Anchor>> {
        let mut reader = ItemReader::open(self.options.format, &self.options.read, file)?;
        let mut anchors = Vec::new();
        while anchors.len() < limits::ANCHORS {
            match reader.next()? {
                // It may still grow.
                Next::Line(line) if self.options.follow && !line.is_whole => break,
                Next::Line(line) => {
                    anchors.extend(line.item.ok().map(|item| note_keys::anchor(&item)))
                }
                Next::Pending | Next::End => break,
            }
        }
        Ok(anchors)
    }

    /// Plans one file, and says which of `among` it holds in whole.
    fn plan(
        &mut self,
        file: &Path,
        anchors: &[Anchor],
        among: Option<&mut Vec<Whole>>,
        summary: &mut RecordsSummary,
    ) -> Result<(PlannedFile, Vec<PathBuf>)> {
        let Some(first) = anchors.first() else {
            return Ok((PlannedFile::unknown(file, None), Vec::new()));
        };
        let mut candidates = Vec::new();
        for anchor in anchors {
            for (key, stored) in self.log.notes(&note_keys::prefix(anchor))? {
                candidates.extend(Candidate::new(key, stored));
            }
        }
        let mut same = Vec::new();
        if let Some(among) = among {
            let known = candidates.len();
            for whole in among.iter() {
                candidates.extend(Candidate::new(Vec::new(), whole.note.encode()));
            }
            let track = self.compare(file, &mut candidates, true)?;
            for (candidate, whole) in candidates.drain(known..).zip(among.iter()) {
                if candidate.found.is_some_and(|found| !found.is_cut && found.mended.is_empty()) {
                    same.push(whole.at.clone());
                }
            }
            among.retain(|whole| !same.contains(&whole.at));
            among.push(Whole { at: file.to_owned(), note: track.note() });
        } else if !candidates.is_empty() {
            self.compare(file, &mut candidates, false)?;
        }
        let may_be_copy = candidates.iter().any(Candidate::is_longer);
        let found = candidates.into_iter().filter(|candidate| candidate.found.is_some());
        let Some(best) = found.max_by_key(|candidate| candidate.note.accepted) else {
            let key = self.keys.of_anchor(self.log, first)?;
            let unknown = PlannedFile::unknown(file, Some(key));
            return Ok((PlannedFile { may_be_copy, ..unknown }, same));
        };
        let Some(Agreement { mut track, mended, refusals, is_cut, has_rest }) = best.found else {
            unreachable!("it was filtered");
        };
        if is_cut {
            summary.remarks.add(format!(
                "{}: its last line had no end when it was imported, and has changed since; what was \
                 there then is in the topic too",
                file.display()
            ));
        }
        summary.refused.append(refusals);
        let is_older = track.accepted < best.note.accepted && !is_cut;
        let (messages, records) = match is_older {
            // What it gave then is not known apart; a line mostly gives one record.
            true => (track.accepted, track.accepted),
            false => (best.note.messages, best.note.records),
        };
        summary.recognised += messages;
        summary.published += records;
        track.messages = best.note.messages;
        track.records = best.note.records;
        track.stages = best.note.next_stages();
        let stored = Before::Is(best.stored);
        let plan = PlannedFile {
            at: file.to_owned(),
            key: Some(best.key),
            stored,
            track,
            mended,
            is_older,
            may_be_copy: false,
            has_rest,
        };
        Ok((plan, same))
    }

    /// As [`Planner::plan`], of a file that nothing is known of yet in this import.
    ///
    /// # Errors
    /// Those of the file and the queue.
    pub(super) fn plan_one(
        &mut self,
        file: &Path,
        summary: &mut RecordsSummary,
    ) -> Result<PlannedFile> {
        let anchors = self.anchors(file)?;
        Ok(self.plan(file, &anchors, None, summary)?.0)
    }

    /// Reads the file as far as the candidates go, or to its end, and notes where they agree.
    fn compare(&self, file: &Path, candidates: &mut [Candidate], whole: bool) -> Result<Track> {
        let mut reader = ItemReader::open(self.options.format, &self.options.read, file)?;
        let mut track = Track::default();
        let mut identity = Vec::new();
        let mut is_at_end = false;
        let farthest = candidates.iter().map(|candidate| candidate.note.accepted).max();
        while whole
            || farthest.is_some_and(|farthest| track.accepted < farthest + mended(candidates))
        {
            let line = match reader.next()? {
                Next::Line(line) if self.options.follow && !line.is_whole => break,
                Next::Line(line) => line,
                Next::Pending | Next::End => {
                    is_at_end = true;
                    break;
                }
            };
            let place = (line.number, line.is_whole);
            identity.clear();
            let is_parsed = line.item.is_ok();
            let checked = line.item.and_then(|item| {
                item.identity(&mut identity);
                self.publisher.check(&item)
            });
            match checked {
                Ok(()) => {
                    track.accept(place, &identity, (1, 1));
                    candidates.iter_mut().for_each(|it| it.see(place, &identity));
                }
                Err(Refusal { what, hint }) => {
                    track.refuse(line.number);
                    let what = shortened(what);
                    let refused = Error::Line { at: file.to_owned(), line: line.number, what };
                    let identity = is_parsed.then_some(&identity[..]);
                    for candidate in candidates.iter_mut() {
                        candidate.see_refused(place, identity, (&refused, hint));
                    }
                }
            }
        }
        if is_at_end {
            for candidate in candidates.iter_mut().filter(|it| it.found.is_none()) {
                candidate.see_end();
            }
        }
        Ok(track)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::parse::format::Format;
    use seismic_queue::Queue;
    use seismic_queue::memory::Memory;

    #[test]
    fn the_beginning_of_a_known_file_may_become_a_copy_and_other_files_may_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, times: std::ops::Range<i64>, rest: &str| {
            let header = "sensor_id,collect_timestamp,seismic_amplitude\n".to_owned();
            let rows: String = times.map(|time| format!("A,{time},1\n")).collect();
            let path = folder.path().join(name);
            std::fs::write(&path, header + &rows + rest).unwrap();
            path
        };
        let whole = write("whole", 0..9, "");
        let plain = Options::new(Format::Csv, vec![whole.clone()]);
        let queue = Memory::new();
        let stop = std::sync::atomic::AtomicBool::new(false);
        super::super::import(&queue, &plain, &stop, &mut |_| {}).unwrap();
        let topic = queue.topic(&plain.topic).unwrap();
        let mut log = queue.import_log(&topic).unwrap().unwrap();
        let publisher = Publisher::of(&plain).unwrap();
        let options = Options { follow: true, ..plain };
        let mut planner = Planner::new(&options, &publisher, &mut *log);
        for (file, may_be_copy, is_known) in [
            (&whole, false, true),
            (&write("part", 0..5, "A,5,"), true, false),
            (&write("longer", 0..12, ""), false, true),
            (&write("other", 1..5, ""), false, false),
            (&write("differs", 0..8, "A,100,1\nA,101,1\n"), false, false),
        ] {
            let plan = planner.plan_one(file, &mut RecordsSummary::default()).unwrap();
            let is = (plan.may_be_copy, plan.stored != Before::Absent);
            assert_eq!(is, (may_be_copy, is_known), "{}", file.display());
        }
    }
}
