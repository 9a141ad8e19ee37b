//! What an import did.

use serde::Serialize;

/// What an import did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ImportSummary {
    /// Records (samples) that are durable in the topic; those of an earlier attempt included.
    pub published: u64,
    /// Messages they were packed in.
    pub messages: u64,
    /// Messages that were in the topic already, from an earlier attempt at the same import.
    pub recognised: u64,
    /// Devices that sent them.
    pub devices: u64,
    /// Whether a stop ended it early; importing again continues.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Where the records went.
    pub topic: String,
}
