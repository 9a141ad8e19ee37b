//! Why a record was not counted.

use std::fmt;

/// Every way in which a record ends outside a window, in the order in which it is tested.
/// [`Reason::Late`] is counted apart from the others, which are rejections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The message is not the protobuf that it should be; one dead letter for the message.
    Unparseable,
    /// The message packs more than 65,536 records; one dead letter for the message.
    TooManyRecords,
    /// The sensor id is empty.
    EmptySensor,
    /// The sensor id has more than 256 bytes.
    LongSensor,
    /// `data_quality` is not 1.
    BadQuality,
    /// The amplitude is NaN, infinite or out of the valid range.
    AmplitudeOutOfRange,
    /// Longitude or latitude is not on this planet.
    BadPosition,
    /// The position is outside the job's region.
    OutOfRegion,
    /// `phase_type` is not P, S or N.
    BadPhase,
    /// Event time outside the valid years.
    BadTime,
    /// Event time too far ahead of append time.
    FutureTimestamp,
    /// Partitions were added to the input, and since then the sensor belongs into another one.
    Misplaced,
    /// The partition has as many sensors as it may have, and this would be one more.
    SensorLimit,
    /// The window of its event time is closed.
    Late,
    /// The sensor has a record of the same event time already, and the job dedupes.
    Duplicate,
    /// The sensor has as many open windows as it may have.
    WindowLimit,
}

impl Reason {
    /// All of them, in order.
    pub const ALL: [Reason; 16] = [
        Reason::Unparseable,
        Reason::TooManyRecords,
        Reason::EmptySensor,
        Reason::LongSensor,
        Reason::BadQuality,
        Reason::AmplitudeOutOfRange,
        Reason::BadPosition,
        Reason::OutOfRegion,
        Reason::BadPhase,
        Reason::BadTime,
        Reason::FutureTimestamp,
        Reason::Misplaced,
        Reason::SensorLimit,
        Reason::Late,
        Reason::Duplicate,
        Reason::WindowLimit,
    ];

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Its name in dead letters, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Reason::Unparseable => "unparseable",
            Reason::TooManyRecords => "too_many_records",
            Reason::EmptySensor => "empty_sensor",
            Reason::LongSensor => "long_sensor",
            Reason::BadQuality => "bad_quality",
            Reason::AmplitudeOutOfRange => "amplitude_out_of_range",
            Reason::BadPosition => "bad_position",
            Reason::OutOfRegion => "out_of_region",
            Reason::BadPhase => "bad_phase",
            Reason::BadTime => "bad_time",
            Reason::FutureTimestamp => "future_timestamp",
            Reason::Misplaced => "misplaced",
            Reason::SensorLimit => "sensor_limit",
            Reason::Duplicate => "duplicate",
            Reason::WindowLimit => "window_limit",
            Reason::Late => "late",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
