//! The entry of the journal from which on a version of a table is in force, as JSON.

use serde::{Deserialize, Serialize};

/// A version is in force from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableEntry {
    /// The table.
    pub table: String,
    /// The version.
    pub sha256: String,
    /// How many rows it has, for people.
    pub rows: u64,
    /// When it was read, ms since 1970 UTC, for people.
    pub read_ms: i64,
}

impl TableEntry {
    /// As stored.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it has names and numbers")
    }

    /// From its stored form.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn decode(bytes: &[u8]) -> Result<TableEntry, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
