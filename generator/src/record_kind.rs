//! What a published record is: valid, or one kind of anomaly, each with exactly one fault.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// Every kind of record that a run publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
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
    /// Bytes that are no record and no packed records.
    RandomBytes,
    /// A message of no bytes: a record of defaults, so its sensor id is empty.
    EmptyMessage,
    /// One to two minutes before the newest record of its sensor.
    Late,
    /// The record before it once more, byte for byte: counts like a valid one.
    Duplicate,
}

impl Kind {
    /// All of them; the first is [`Kind::Valid`], the others are anomalies.
    pub const ALL: [Kind; 15] = [
        Kind::Valid,
        Kind::BadQuality,
        Kind::AmplitudeOutOfRange,
        Kind::NanAmplitude,
        Kind::InfiniteAmplitude,
        Kind::BadLongitude,
        Kind::BadLatitude,
        Kind::EmptySensor,
        Kind::BadPhase,
        Kind::FutureTime,
        Kind::Truncated,
        Kind::RandomBytes,
        Kind::EmptyMessage,
        Kind::Late,
        Kind::Duplicate,
    ];

    /// Its name in summaries and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Valid => "valid",
            Kind::BadQuality => "bad_quality",
            Kind::AmplitudeOutOfRange => "amplitude_out_of_range",
            Kind::NanAmplitude => "nan_amplitude",
            Kind::InfiniteAmplitude => "infinite_amplitude",
            Kind::BadLongitude => "bad_longitude",
            Kind::BadLatitude => "bad_latitude",
            Kind::EmptySensor => "empty_sensor",
            Kind::BadPhase => "bad_phase",
            Kind::FutureTime => "future_time",
            Kind::Truncated => "truncated",
            Kind::RandomBytes => "random_bytes",
            Kind::EmptyMessage => "empty_message",
            Kind::Late => "late",
            Kind::Duplicate => "duplicate",
        }
    }

    /// The reason with which a pipeline of usual settings sets such a record aside; `None` when it
    /// counts it in a window.
    #[must_use]
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Kind::Valid | Kind::Duplicate => None,
            Kind::BadQuality => Some("bad_quality"),
            Kind::AmplitudeOutOfRange | Kind::NanAmplitude | Kind::InfiniteAmplitude => {
                Some("amplitude_out_of_range")
            }
            Kind::BadLongitude | Kind::BadLatitude => Some("bad_position"),
            Kind::EmptySensor | Kind::EmptyMessage => Some("empty_sensor"),
            Kind::BadPhase => Some("bad_phase"),
            Kind::FutureTime => Some("future_timestamp"),
            Kind::Truncated | Kind::RandomBytes => Some("unparseable"),
            Kind::Late => Some("late"),
        }
    }

    /// Whether it is a message of its own even when others are packed: packed with others it would
    /// make them unparseable too, or would not be an empty message any more.
    #[must_use]
    pub fn stands_alone(self) -> bool {
        matches!(self, Kind::Truncated | Kind::RandomBytes | Kind::EmptyMessage)
    }
}

/// Records by kind. Serialises as a map with every kind, zeros too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    /// Counts one more record.
    pub fn add(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// Takes records back that `others` counts too.
    pub(crate) fn subtract(&mut self, others: &Counts) {
        for (count, other) in self.0.iter_mut().zip(others.0) {
            *count -= other;
        }
    }

    /// Records of that kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// Records of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Records by kind, in the order of [`Kind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.0)
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
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
        }
    }

    #[test]
    fn counts_serialise_with_every_kind() {
        let mut counts = Counts::default();
        counts.add(Kind::Late);
        counts.add(Kind::Late);
        let json = serde_json::to_value(&counts).unwrap();
        assert_eq!(json.as_object().unwrap().len(), Kind::ALL.len());
        assert_eq!((&json["late"], &json["valid"]), (&2.into(), &0.into()));
    }
}
