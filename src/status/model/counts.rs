//! What became of records, as the status shows it.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

/// What became of records.
#[derive(Clone, Debug, Default, Serialize)]
pub struct RecordCounts {
    /// Read.
    pub read: u64,
    /// In closed windows.
    pub closed: u64,
    /// In open windows.
    pub open: u64,
    /// Too late for their window.
    pub late: u64,
    /// Rejected.
    pub rejected: u64,
    /// Closed windows.
    pub windows: u64,
    /// Messages that were deleted before they were read.
    pub lost_messages: u64,
    /// Dead letters of each reason.
    pub by_reason: ReasonCounts,
}

/// Dead letters of each reason, in the order of the reasons.
#[derive(Clone, Debug, Default)]
pub struct ReasonCounts(pub Vec<(&'static str, u64)>);

impl Serialize for ReasonCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, count) in &self.0 {
            map.serialize_entry(reason, count)?;
        }
        map.end()
    }
}

impl RecordCounts {
    /// Adds those of another partition.
    pub fn add(&mut self, other: &RecordCounts) {
        self.read += other.read;
        self.closed += other.closed;
        self.open += other.open;
        self.late += other.late;
        self.rejected += other.rejected;
        self.windows += other.windows;
        self.lost_messages += other.lost_messages;
        self.by_reason.add(&other.by_reason);
    }
}

impl ReasonCounts {
    fn add(&mut self, other: &ReasonCounts) {
        for (reason, count) in &other.0 {
            match self.0.iter_mut().find(|(ours, _)| ours == reason) {
                Some((_, ours)) => *ours += count,
                None => self.0.push((reason, *count)),
            }
        }
    }
}
