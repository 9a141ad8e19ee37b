//! The kind of a published record: valid, or one kind of anomaly, each with exactly one fault.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Every kind of record that a run publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordKind {
    /// Nothing is wrong with it.
    Valid,
    /// `data_quality` is not 1.
    BadQuality,
    /// A finite amplitude outside [-100, 200].
    AmplitudeOutOfRange,
    /// The amplitude is NaN.
    NanAmplitude,
    /// The amplitude is +∞ or -∞.
    InfiniteAmplitude,
    /// |longitude| > 180.
    BadLongitude,
    /// |latitude| > 90.
    BadLatitude,
    /// The sensor id is empty.
    EmptySensor,
    /// The phase is not P, S or N.
    BadPhase,
    /// Event time in the years 2150 to 2198.
    FutureTime,
    /// A record's bytes, cut inside a field.
    Truncated,
    /// Bytes that are neither a record nor packed records.
    RandomBytes,
    /// A message of no bytes: a record of defaults, so its sensor id is empty.
    EmptyMessage,
    /// One to two minutes before the newest record of its sensor.
    Late,
    /// A byte-for-byte repetition of the record before it: counts like a valid one.
    Duplicate,
}

impl RecordKind {
    /// All of them; the first is [`RecordKind::Valid`], the others are anomalies.
    pub const ALL: [RecordKind; 15] = [
        RecordKind::Valid,
        RecordKind::BadQuality,
        RecordKind::AmplitudeOutOfRange,
        RecordKind::NanAmplitude,
        RecordKind::InfiniteAmplitude,
        RecordKind::BadLongitude,
        RecordKind::BadLatitude,
        RecordKind::EmptySensor,
        RecordKind::BadPhase,
        RecordKind::FutureTime,
        RecordKind::Truncated,
        RecordKind::RandomBytes,
        RecordKind::EmptyMessage,
        RecordKind::Late,
        RecordKind::Duplicate,
    ];

    /// Its name in summaries and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecordKind::Valid => "valid",
            RecordKind::BadQuality => "bad_quality",
            RecordKind::AmplitudeOutOfRange => "amplitude_out_of_range",
            RecordKind::NanAmplitude => "nan_amplitude",
            RecordKind::InfiniteAmplitude => "infinite_amplitude",
            RecordKind::BadLongitude => "bad_longitude",
            RecordKind::BadLatitude => "bad_latitude",
            RecordKind::EmptySensor => "empty_sensor",
            RecordKind::BadPhase => "bad_phase",
            RecordKind::FutureTime => "future_time",
            RecordKind::Truncated => "truncated",
            RecordKind::RandomBytes => "random_bytes",
            RecordKind::EmptyMessage => "empty_message",
            RecordKind::Late => "late",
            RecordKind::Duplicate => "duplicate",
        }
    }

    /// The reason for which a pipeline with default rules rejects such a record; `None` when it
    /// counts in a window.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            RecordKind::Valid | RecordKind::Duplicate => None,
            RecordKind::BadQuality => Some("bad_quality"),
            RecordKind::AmplitudeOutOfRange
            | RecordKind::NanAmplitude
            | RecordKind::InfiniteAmplitude => Some("amplitude_out_of_range"),
            RecordKind::BadLongitude | RecordKind::BadLatitude => Some("bad_position"),
            RecordKind::EmptySensor | RecordKind::EmptyMessage => Some("empty_sensor"),
            RecordKind::BadPhase => Some("bad_phase"),
            RecordKind::FutureTime => Some("future_timestamp"),
            RecordKind::Truncated | RecordKind::RandomBytes => Some("unparseable"),
            RecordKind::Late => Some("late"),
        }
    }

    /// Whether it is a message of its own even when others are packed: in a pack it would make the
    /// others unparseable too, or would no longer be an empty message.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        matches!(self, RecordKind::Truncated | RecordKind::RandomBytes | RecordKind::EmptyMessage)
    }
}

/// Records by kind. Serialises as a map with every kind, zeros too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; RecordKind::ALL.len()]);

impl Counts {
    /// Counts one more record.
    pub fn add(&mut self, kind: RecordKind) {
        self.0[kind as usize] += 1;
    }

    /// Subtracts the records of `others`.
    pub(crate) fn subtract(&mut self, others: &Counts) {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count -= other;
        }
    }

    /// Records of that kind.
    #[must_use]
    pub fn of(&self, kind: RecordKind) -> u64 {
        self.0[kind as usize]
    }

    /// Records of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Records by kind, in the order of [`RecordKind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (RecordKind, u64)> {
        RecordKind::ALL.into_iter().zip(self.0)
    }
}

impl Serialize for Counts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (kind, count) in self.iter() {
            map.serialize_entry(kind.name(), &count)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_their_numbers() {
        for (number, kind) in RecordKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn counts_serialise_with_every_kind() {
        let mut counts = Counts::default();
        counts.add(RecordKind::Late);
        counts.add(RecordKind::Late);
        let json = serde_json::to_value(&counts).unwrap();
        assert_eq!(json.as_object().unwrap().len(), RecordKind::ALL.len());
        assert_eq!((&json["late"], &json["valid"]), (&2.into(), &0.into()));
    }
}
