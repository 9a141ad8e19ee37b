//! The summary of an import.

use serde::Serialize;

use crate::files::Remarks;
use crate::files::parse::refusals::Refusals;

/// What an import did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ImportSummary {
    /// Records (samples) that are durable in the topic; those of an earlier attempt included.
    pub published: u64,
    /// Messages they were packed in.
    pub messages: u64,
    /// Messages that were in the topic already, from an earlier attempt: those in the stretches of
    /// time that it left of their devices.
    pub recognised: u64,
    /// Messages that the files have more than once, and that were imported once.
    pub repeated: u64,
    /// Devices that sent them.
    pub devices: u64,
    /// Lines that are no messages, or of devices without a location.
    pub refused: Refusals,
    /// Files that could not be read, or not to their end, and why.
    pub unread: Refusals,
    /// What else should be known.
    pub remarks: Remarks,
    /// Whether a stop ended it early; importing again continues.
    pub stopped: bool,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Where the records went.
    pub topic: String,
}
