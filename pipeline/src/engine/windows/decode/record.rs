//! Decoded records: numbers and byte ranges of the message, without copies.

use std::ops::Range;

/// A part of a message's bytes. Messages are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByteRange {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl ByteRange {
    /// The bytes there. `message` must be the one that was decoded.
    #[must_use]
    pub fn of(self, message: &[u8]) -> &[u8] {
        message.get(self.range()).unwrap_or_default()
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What a record says of its wave phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Primary wave.
    P,
    /// Secondary wave.
    S,
    /// Noise.
    N,
    /// Anything else, also nothing.
    #[default]
    Other,
}

impl Phase {
    #[inline]
    pub(super) fn of(text: &[u8]) -> Phase {
        match text {
            b"P" => Phase::P,
            b"S" => Phase::S,
            b"N" => Phase::N,
            _ => Phase::Other,
        }
    }
}

/// One record: what the pipeline uses of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Record {
    /// The record's own bytes within the message.
    pub bytes: ByteRange,
    /// Where the sensor id lies; it is valid UTF-8.
    pub sensor: ByteRange,
    /// Event time, ms since 1970 UTC.
    pub time_ms: i64,
    /// Degrees.
    pub longitude: f64,
    /// Degrees.
    pub latitude: f64,
    /// As sent, also NaN.
    pub amplitude: f32,
    /// 1 = valid.
    pub quality: i32,
    /// Wave phase.
    pub phase: Phase,
    /// When a gateway received it, ms since 1970 UTC; 0 = unknown.
    pub arrival_ms: i64,
}

/// Of a record, what tells where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordKey {
    /// As [`Record::bytes`].
    pub bytes: ByteRange,
    /// As [`Record::sensor`].
    pub sensor: ByteRange,
}

/// What is kept of a decoded record. What is not kept need not be computed, only checked.
pub(super) trait OfRecord {
    fn of(record: Record) -> Self;
}

impl OfRecord for Record {
    #[inline(always)]
    fn of(record: Record) -> Self {
        record
    }
}

impl OfRecord for RecordKey {
    #[inline(always)]
    fn of(record: Record) -> Self {
        RecordKey { bytes: record.bytes, sensor: record.sensor }
    }
}
