//! The note about an imported file: the number of its records, their digest, and its refused lines.
//! So a file is recognised by its content, whatever its name or compression, and also when it has
//! grown or its refused lines were corrected.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::limits;

/// How far a file has come. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileNote {
    /// Lines that gave something.
    pub(crate) accepted: u64,
    /// Messages and records that they gave.
    pub(crate) messages: u64,
    pub(crate) records: u64,
    /// Digest over what they gave, hexadecimal.
    digest: String,
    /// The same without the last line, when that had no end: it may have been cut.
    before_last: Option<String>,
    /// Runs of refused lines: the first line of each and how many.
    refused: Vec<(u64, u64)>,
    /// What earlier imports of it ended with, so that an older copy of it is known too: how many
    /// lines gave something, and the digest.
    #[serde(default)]
    stages: Vec<(u64, String)>,
}

impl FileNote {
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and text are JSON")
    }

    /// `None` for what is none: then the file counts as unknown.
    pub(crate) fn decode(bytes: &[u8]) -> Option<FileNote> {
        serde_json::from_slice(bytes).ok()
    }

    pub(crate) fn has_refused(&self, line: u64) -> bool {
        let after = self.refused.partition_point(|(first, _)| *first <= line);
        after.checked_sub(1).is_some_and(|at| line < self.refused[at].0 + self.refused[at].1)
    }

    pub(crate) fn is_of(&self, track: &Track) -> bool {
        self.accepted == track.accepted && self.digest == track.digest()
    }

    /// Whether the track is what an earlier import of the file ended with.
    pub(crate) fn was_of(&self, track: &Track) -> bool {
        let digest = || track.digest();
        self.stages
            .iter()
            .any(|(accepted, known)| *accepted == track.accepted && *known == digest())
    }

    /// What the next import of the file is to remember of earlier ones.
    pub(crate) fn next_stages(&self) -> Vec<(u64, String)> {
        let mut stages = self.stages.clone();
        let last = (self.accepted, self.digest.clone());
        if stages.last() != Some(&last) {
            stages.push(last);
        }
        let forgotten = stages.len().saturating_sub(limits::FILE_STAGES);
        stages.split_off(forgotten)
    }

    /// Whether the track has all but the last line, which may have been cut.
    pub(crate) fn is_of_all_but_last(&self, track: &Track) -> bool {
        self.accepted == track.accepted + 1
            && self.before_last.as_ref().is_some_and(|before| *before == track.digest())
    }
}

/// Follows what the lines of a file give.
#[derive(Clone, Default)]
pub(crate) struct Track {
    hasher: Sha256,
    pub(crate) accepted: u64,
    pub(crate) messages: u64,
    pub(crate) records: u64,
    before_last: Option<String>,
    refused: Vec<(u64, u64)>,
    pub(crate) stages: Vec<(u64, String)>,
    /// Number of the last line.
    pub(crate) line: u64,
}

impl Track {
    /// A line gave something: these bytes, that many messages and records.
    pub(crate) fn accept(
        &mut self,
        (line, is_whole): (u64, bool),
        identity: &[u8],
        (messages, records): (u64, u64),
    ) {
        self.before_last = (!is_whole).then(|| self.digest());
        self.hasher.update((identity.len() as u64).to_le_bytes());
        self.hasher.update(identity);
        self.accepted += 1;
        self.messages += messages;
        self.records += records;
        self.line = line;
    }

    /// A line was refused. Of very many runs of such lines the last are forgotten.
    pub(crate) fn refuse(&mut self, line: u64) {
        self.line = line;
        let is_full = self.is_full();
        match self.refused.last_mut() {
            Some((first, count)) if *first + *count == line => *count += 1,
            _ if is_full => {}
            _ => self.refused.push((line, 1)),
        }
    }

    /// Whether not all refused lines are remembered.
    pub(crate) fn is_full(&self) -> bool {
        self.refused.len() == limits::REFUSED_RUNS
    }

    fn digest(&self) -> String {
        let digest = self.hasher.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn note(&self) -> FileNote {
        FileNote {
            accepted: self.accepted,
            messages: self.messages,
            records: self.records,
            digest: self.digest(),
            before_last: self.before_last.clone(),
            refused: self.refused.clone(),
            stages: self.stages.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_note_comes_back_and_knows_its_lines(lines in prop::collection::vec(any::<bool>(), 0..40)) {
            let mut track = Track::default();
            for (number, accepted) in (1..).zip(&lines) {
                match accepted {
                    true => track.accept((number, true), &number.to_le_bytes(), (1, 1)),
                    false => track.refuse(number),
                }
            }
            let note = FileNote::decode(&track.note().encode()).unwrap();
            prop_assert!(note.is_of(&track));
            for (number, accepted) in (1..).zip(&lines) {
                prop_assert_eq!(note.has_refused(number), !accepted);
            }
            track.accept((99, true), b"more", (1, 1));
            prop_assert!(!note.is_of(&track));
        }
    }
}
