//! The keys of file notes: a digest of one of the first records of the file, the anchor, and a
//! number, since several files may begin with the same record.

use std::collections::HashMap;

use seismic_queue::ImportLog;
use sha2::{Digest, Sha256};

use crate::Result;
use crate::files::parse::item::Item;

/// Prefix of the notes of files.
const PREFIX: &[u8] = b"f\0";

/// Bytes of an anchor.
const ANCHOR_BYTES: usize = 16;

/// Tells which notes may be about a file.
pub(super) type Anchor = [u8; ANCHOR_BYTES];

/// The anchor that a record is.
pub(super) fn anchor(item: &Item) -> Anchor {
    let mut identity = Vec::new();
    item.identity(&mut identity);
    let digest = Sha256::digest(&identity);
    std::array::from_fn(|i| digest[i])
}

/// The prefix of the keys of an anchor.
pub(super) fn prefix(anchor: &Anchor) -> Vec<u8> {
    [PREFIX, anchor].concat()
}

/// Hands out keys that no one has.
#[derive(Default)]
pub(super) struct NoteKeys {
    /// The last number that was handed out, by anchor.
    taken: HashMap<Anchor, u32>,
}

impl NoteKeys {
    /// A key for a file that begins with this record.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn new_key(&mut self, notes: &mut dyn ImportLog, item: &Item) -> Result<Vec<u8>> {
        self.of_anchor(notes, &anchor(item))
    }

    /// A key for a file with this anchor.
    ///
    /// # Errors
    /// Those of the queue.
    pub(super) fn of_anchor(
        &mut self,
        notes: &mut dyn ImportLog,
        anchor: &Anchor,
    ) -> Result<Vec<u8>> {
        let prefix = prefix(anchor);
        let number = match self.taken.get(anchor) {
            Some(taken) => taken + 1,
            None => {
                let known = notes.notes(&prefix)?;
                let last =
                    known.last().and_then(|(key, _)| key.get(prefix.len()..)?.try_into().ok());
                last.map_or(0, |last| u32::from_be_bytes(last) + 1)
            }
        };
        self.taken.insert(*anchor, number);
        Ok([&prefix[..], &number.to_be_bytes()].concat())
    }
}
