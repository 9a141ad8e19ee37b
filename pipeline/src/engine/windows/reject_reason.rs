//! Why a record was not counted.

use std::fmt;

/// Every way in which a record ends outside a window, in the order in which it is tested.
/// [`RejectReason::Late`] is counted apart from the others, which are rejections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RejectReason {
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
    /// Partitions were added to the input, and since then the sensor belongs to another one.
    Misplaced,
    /// The partition has as many sensors as it may have, and this would be one more.
    SensorLimit,
    /// The window of its event time is closed.
    Late,
    /// The sensor has a record of the same event time already, and the job dedupes.
    Duplicate,
    /// The sensor has as many open windows as it may have.
    WindowLimit,
    /// It is far ahead of its sensor's clock, and later records did not follow it.
    ClockJump,
}

impl RejectReason {
    /// All of them, in order.
    pub const ALL: [RejectReason; 17] = [
        RejectReason::Unparseable,
        RejectReason::TooManyRecords,
        RejectReason::EmptySensor,
        RejectReason::LongSensor,
        RejectReason::BadQuality,
        RejectReason::AmplitudeOutOfRange,
        RejectReason::BadPosition,
        RejectReason::OutOfRegion,
        RejectReason::BadPhase,
        RejectReason::BadTime,
        RejectReason::FutureTimestamp,
        RejectReason::Misplaced,
        RejectReason::SensorLimit,
        RejectReason::Late,
        RejectReason::Duplicate,
        RejectReason::WindowLimit,
        RejectReason::ClockJump,
    ];

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<RejectReason> {
        RejectReason::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Its name in dead letters, metrics and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RejectReason::Unparseable => "unparseable",
            RejectReason::TooManyRecords => "too_many_records",
            RejectReason::EmptySensor => "empty_sensor",
            RejectReason::LongSensor => "long_sensor",
            RejectReason::BadQuality => "bad_quality",
            RejectReason::AmplitudeOutOfRange => "amplitude_out_of_range",
            RejectReason::BadPosition => "bad_position",
            RejectReason::OutOfRegion => "out_of_region",
            RejectReason::BadPhase => "bad_phase",
            RejectReason::BadTime => "bad_time",
            RejectReason::FutureTimestamp => "future_timestamp",
            RejectReason::Misplaced => "misplaced",
            RejectReason::SensorLimit => "sensor_limit",
            RejectReason::Duplicate => "duplicate",
            RejectReason::WindowLimit => "window_limit",
            RejectReason::ClockJump => "clock_jump",
            RejectReason::Late => "late",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
