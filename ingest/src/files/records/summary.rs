//! What an import of records did.

use serde::Serialize;

use super::refusals::Refusals;

/// What an import did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordsSummary {
    /// Records that are durable in the topic, those of an earlier attempt included. A message that
    /// does not decode counts as one.
    pub published: u64,
    /// Messages that were in the topic already, from an earlier attempt at the same import.
    pub recognised: u64,
    /// Lines that are not records.
    pub refused: Refusals,
    /// Files read to their end.
    pub files: u64,
    /// Whether a stop ended it early; importing again continues.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Where the records went.
    pub topic: String,
}
