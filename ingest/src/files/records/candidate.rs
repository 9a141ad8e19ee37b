//! Compares a file with the note of one that may be the same, line by line, by digests.

use super::file_note::{FileNote, Track};
use crate::files::parse::refusals::Refusals;
use crate::{Error, Hint, limits};

/// A note that may be about the file.
pub(super) struct Candidate {
    pub(super) key: Vec<u8>,
    pub(super) stored: Vec<u8>,
    pub(super) note: FileNote,
    /// Without the lines that it refused.
    pub(super) track: Track,
    /// With those of them that are mended, from the first of them on.
    pub(super) all: Option<Track>,
    pub(super) mended: Vec<u64>,
    pub(super) mended_bytes: usize,
    /// As `all`, without mended lines for which there is no room yet, from the first of them on.
    pub(super) portion: Option<Track>,
    /// How many lines those are.
    pub(super) rest: u64,
    pub(super) refusals: Refusals,
    pub(super) found: Option<Agreement>,
}

/// Where a file agrees with a note.
pub(super) struct Agreement {
    /// All lines up to there.
    pub(super) track: Track,
    pub(super) mended: Vec<u64>,
    pub(super) refusals: Refusals,
    pub(super) is_cut: bool,
    pub(super) has_rest: bool,
}

/// Lines that are mended in the candidate with most of them.
pub(super) fn mended(candidates: &[Candidate]) -> u64 {
    let all = |candidate: &Candidate| candidate.mended.len() as u64 + candidate.rest;
    candidates.iter().map(all).max().unwrap_or(0)
}

impl Candidate {
    pub(super) fn new(key: Vec<u8>, stored: Vec<u8>) -> Option<Self> {
        let note = FileNote::decode(&stored)?;
        Some(Candidate {
            key,
            stored,
            note,
            track: Track::default(),
            all: None,
            mended: Vec::new(),
            mended_bytes: 0,
            portion: None,
            rest: 0,
            refusals: Refusals::default(),
            found: None,
        })
    }

    /// Whether what is known continues where the file ends.
    pub(super) fn is_longer(&self) -> bool {
        self.found.is_none() && self.track.accepted < self.note.accepted
    }

    /// All lines so far.
    fn all(&self) -> &Track {
        self.all.as_ref().unwrap_or(&self.track)
    }

    /// Sees the end of the file: it may be an older copy of what is known.
    pub(super) fn see_end(&mut self) {
        if self.note.was_of(self.all()) {
            self.found = self.found_whole();
        }
    }

    /// The file has what is known, and lines that are mended.
    fn found(&self, is_cut: bool) -> Option<Agreement> {
        let track = self.portion.as_ref().unwrap_or_else(|| self.all()).clone();
        let (mended, refusals) = (self.mended.clone(), self.refusals.clone());
        Some(Agreement { track, mended, refusals, is_cut, has_rest: self.portion.is_some() })
    }

    /// The file has what is known and nothing else.
    fn found_whole(&self) -> Option<Agreement> {
        let (track, refusals) = (self.all().clone(), self.refusals.clone());
        Some(Agreement { track, mended: Vec::new(), refusals, is_cut: false, has_rest: false })
    }

    fn see_mended(&mut self, place: (u64, bool), identity: &[u8]) {
        self.all.get_or_insert_with(|| self.track.clone());
        if self.portion.is_none() && self.mended_bytes >= limits::MENDED_BYTES {
            self.portion.clone_from(&self.all);
        }
        match &mut self.portion {
            Some(portion) => {
                portion.refuse(place.0);
                self.rest += 1;
            }
            None => {
                self.mended.push(place.0);
                self.mended_bytes += identity.len();
            }
        }
    }

    /// Sees a line of the file that gives something.
    pub(super) fn see(&mut self, place: (u64, bool), identity: &[u8]) {
        let is_whole_match = self.found.as_ref().is_some_and(|found| !found.is_cut);
        if self.note.has_refused(place.0) {
            if !is_whole_match {
                self.see_mended(place, identity);
            }
            if let Some(all) = &mut self.all {
                all.accept(place, identity, (1, 1));
            }
        } else {
            self.accept(place, identity);
        }
        // Refused lines may be gone instead.
        if !self.mended.is_empty() && self.note.is_of(self.all()) {
            self.found = self.found_whole();
        }
    }

    /// Sees a line that is refused, with what it would give. What was imported then is in, whatever
    /// is said of it today: another table of sensors may refuse it.
    pub(super) fn see_refused(
        &mut self,
        place: (u64, bool),
        identity: Option<&[u8]>,
        (refused, hint): (&Error, Option<Hint>),
    ) {
        let is_open = self.track.accepted < self.note.accepted;
        match identity {
            Some(identity) if is_open && !self.note.has_refused(place.0) => {
                self.accept(place, identity);
            }
            _ => {
                self.track.refuse(place.0);
                for track in [&mut self.all, &mut self.portion].into_iter().flatten() {
                    track.refuse(place.0);
                }
                self.refusals.add(refused, hint);
            }
        }
    }

    /// A line that was not refused then.
    fn accept(&mut self, place: (u64, bool), identity: &[u8]) {
        for track in [&mut self.all, &mut self.portion].into_iter().flatten() {
            track.accept(place, identity, (1, 1));
        }
        if self.track.accepted == self.note.accepted {
            return;
        }
        self.track.accept(place, identity, (1, 1));
        if self.note.is_of(&self.track) {
            self.found = self.found(false);
        } else if self.note.is_of_all_but_last(&self.track) {
            self.found = self.found(true);
        }
    }
}
