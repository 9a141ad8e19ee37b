//! The entry of the journal from which on a side of a join is held, or no more, as JSON.

use serde::{Deserialize, Serialize};

/// A side is held, or no more: that one is not read until the other has come as far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldEntry {
    /// Place of the input.
    pub input: usize,
    /// Whether it is held from here on.
    pub held: bool,
}

impl HoldEntry {
    /// As stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has numbers")
    }

    /// From its stored form; `None` for an entry of another kind.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<HoldEntry> {
        let entry: HoldEntry = serde_json::from_slice(bytes).ok()?;
        (entry.input < 2).then_some(entry)
    }
}
