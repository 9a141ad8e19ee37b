//! The summary of an import of records.

use serde::Serialize;

use crate::files::Remarks;
use crate::files::parse::field::{Defaulted, RecordField};
use crate::files::parse::refusals::Refusals;

/// What an import did. Serialises to the object that `--json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RecordsSummary {
    /// Records that are durable in the topic, those of an earlier attempt included. A message that
    /// does not decode counts as one.
    pub published: u64,
    /// Messages that were in the topic already, from an earlier attempt at the same import. Where
    /// records are packed, it counts records.
    pub recognised: u64,
    /// Lines that are not records.
    pub refused: Refusals,
    /// Files read to their end.
    pub files: u64,
    /// Files that could not be read, or not to their end, and why.
    pub unread: Refusals,
    /// Values that were missing and took their default.
    pub defaults: Defaults,
    /// Lines that were skipped because they begin with `#`.
    pub comments: u64,
    /// What else should be known.
    pub remarks: Remarks,
    /// Whether a stop ended it early.
    pub stopped: bool,
    /// Whether all of it can be continued by importing again: not a live input.
    pub resumable: bool,
    /// How long it took.
    pub seconds: f64,
    /// `published / seconds`.
    pub records_per_second: f64,
    /// Where the records went.
    pub topic: String,
}

/// Records of which a value was missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Defaults {
    /// Quality 1 was taken.
    pub data_quality: u64,
    /// Phase N was taken.
    pub phase_type: u64,
    /// The file has no column of amplitudes: no number was taken, which a job rejects.
    pub seismic_amplitude: u64,
}

impl Defaults {
    pub(super) fn add(&mut self, defaulted: Defaulted) {
        self.data_quality += u64::from(defaulted.has(RecordField::DataQuality));
        self.phase_type += u64::from(defaulted.has(RecordField::PhaseType));
        self.seismic_amplitude += u64::from(defaulted.has(RecordField::SeismicAmplitude));
    }
}
