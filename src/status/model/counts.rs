//! Record counts, in the status and in the numbers of a running job.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What became of records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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

/// Dead letters of each reason, in the order of the reasons; a map in JSON.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReasonCounts(Vec<(Cow<'static, str>, u64)>);

impl FromIterator<(&'static str, u64)> for ReasonCounts {
    fn from_iter<I: IntoIterator<Item = (&'static str, u64)>>(counts: I) -> Self {
        ReasonCounts(counts.into_iter().map(|(reason, count)| (reason.into(), count)).collect())
    }
}

impl ReasonCounts {
    /// Each reason with its dead letters.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(reason, count)| (&**reason, *count))
    }

    fn add(&mut self, other: &ReasonCounts) {
        for (reason, count) in &other.0 {
            match self.0.iter_mut().find(|(ours, _)| ours == reason) {
                Some((_, ours)) => *ours += count,
                None => self.0.push((reason.clone(), *count)),
            }
        }
    }
}

impl Serialize for ReasonCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, count) in &self.0 {
            map.serialize_entry(reason, count)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for ReasonCounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counts;

        impl<'de> Visitor<'de> for Counts {
            type Value = ReasonCounts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count of each reason")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<ReasonCounts, M::Error> {
                let mut counts = Vec::new();
                while let Some((reason, count)) = map.next_entry::<String, u64>()? {
                    counts.push((reason.into(), count));
                }
                Ok(ReasonCounts(counts))
            }
        }

        deserializer.deserialize_map(Counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_keep_the_order_of_reasons_in_json_and_back() {
        let by_reason = ReasonCounts::from_iter([("unparseable", 1), ("late", 2), ("bad_time", 3)]);
        let counts = RecordCounts { read: 6, by_reason, ..RecordCounts::default() };
        let json = serde_json::to_string(&counts).unwrap();
        assert!(
            json.ends_with(r#""by_reason":{"unparseable":1,"late":2,"bad_time":3}}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<RecordCounts>(&json).unwrap(), counts);
    }
}
