//! What an operator reports about a key's clock: steps too large to be accepted at once.

/// A step of a sensor's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockStep {
    /// Id of the sensor.
    pub sensor: String,
    /// What it turned out to be.
    pub kind: StepKind,
    /// The clock before, ms since 1970 UTC.
    pub from_ms: i64,
    /// The event time to which it would step, ms since 1970 UTC.
    pub to_ms: i64,
}

/// What a step of a clock turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    /// Later records did not follow: the record is a dead letter.
    Refuted,
    /// The clock followed, ahead.
    Ahead,
    /// The clock followed, back: an era of it begins.
    Back,
}
