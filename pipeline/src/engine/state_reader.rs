//! The seam through which the state in a checkpoint is inspected without restoring an operator.

use std::fmt::Debug;

use compact_str::CompactString;

/// What a state says about one of its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key, such as a sensor.
    pub id: CompactString,
    /// Oldest and newest event time, ms, among what is open and the newest record.
    pub times: (i64, i64),
    /// How often its clock was set back.
    pub set_back: u32,
    /// Records far ahead of its clock that later ones did not follow; they are dead letters.
    pub refuted: u64,
    /// Records that wait for a confirmation.
    pub held: u64,
}

/// Reads states that operators of a kind wrote.
pub trait StateReader: Debug + Sync {
    /// The lateness that the state was made with, ms, and its keys; `None` for bytes that no
    /// operator of the kind wrote.
    fn keys(&self, state: &[u8]) -> Option<(i64, Vec<StoredKey>)>;
}
