//! From the bytes of a message to records, without allocation: places in the bytes, not copies.
//!
//! Gives the same verdict and values as `prost` on `SeismicRecord` and `SeismicRecordBatch`; the
//! property tests in `tests/hostile/message.rs` hold it to that. Fields that the pipeline does not
//! use are checked and passed over. Fields may come in any order; `usual.rs` is the short way through
//! those that come in the usual one. Wire format:
//! <https://protobuf.dev/programming-guides/encoding/>.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod fast_path;

use std::ops::Range;

use seismic_proto::BATCH_FIRST_BYTE;

use crate::limits;

/// A part of a message's bytes. Messages are far below 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    start: u32,
    end: u32,
}

impl Place {
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
    fn of(text: &[u8]) -> Phase {
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
    pub bytes: Place,
    /// Where the sensor id lies; it is valid UTF-8.
    pub sensor: Place,
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

/// Why a message has no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not the protobuf that it should be.
    Unparseable,
    /// More records than [`limits::RECORDS_PER_MESSAGE`].
    TooManyRecords,
}

/// Decodes a whole message into `records`, which is cleared first.
///
/// # Errors
/// A [`Fault`]; `records` then means nothing.
pub fn decode(message: &[u8], records: &mut Vec<Record>) -> Result<(), Fault> {
    records.clear();
    let whole = Cursor::over(message).ok_or(Fault::Unparseable)?;
    match message.first() {
        Some(&BATCH_FIRST_BYTE) => batch(whole, records),
        _ => record(whole, DEPTH, records).ok_or(Fault::Unparseable),
    }
}

#[inline(never)]
fn batch(mut at: Cursor<'_>, records: &mut Vec<Record>) -> Result<(), Fault> {
    while !at.is_done() {
        let key = at.key().ok_or(Fault::Unparseable)?;
        match key {
            0x7a => {
                if records.len() == limits::RECORDS_PER_MESSAGE {
                    return Err(Fault::TooManyRecords);
                }
                let part = at.part().ok_or(Fault::Unparseable)?;
                record(part, DEPTH - 1, records).ok_or(Fault::Unparseable)?;
            }
            _ if key >> 3 == 15 => return Err(Fault::Unparseable),
            _ => at.skip(key, DEPTH).ok_or(Fault::Unparseable)?,
        }
    }
    Ok(())
}

/// Groups nest at most this deep, as in `prost`.
const DEPTH: u32 = 100;

/// Appends the record that is all of what is left.
#[inline(always)]
fn record(mut at: Cursor<'_>, depth: u32, records: &mut Vec<Record>) -> Option<()> {
    let mut record = Record { bytes: at.place(), ..Record::default() };
    fast_path::read(&mut at, &mut record);
    // From registers to its place: a copy on the way would wait for its own writes, and cost more
    // than the decoding.
    if at.is_done() {
        records.push(record);
        return Some(());
    }
    rest(at, record, depth, records)
}

/// Reads fields in any order until nothing is left; of a field that is there twice, the last counts.
#[cold]
#[inline(never)]
fn rest(
    mut at: Cursor<'_>,
    mut record: Record,
    depth: u32,
    records: &mut Vec<Record>,
) -> Option<()> {
    while !at.is_done() {
        match at.key()? {
            0x0a => record.sensor = at.text()?.0,
            0x10 => record.time_ms = at.varint()? as i64,
            0x19 => record.longitude = at.double()?,
            0x21 => record.latitude = at.double()?,
            0x35 => record.amplitude = at.float()?,
            0x42 => record.phase = Phase::of(at.text()?.1),
            0x48 => record.quality = at.varint()? as i32,
            0x58 => record.arrival_ms = at.varint()? as i64,
            // depth, frequency, network_status: not used, but they must be whole.
            0x28 | 0x38 | 0x50 => {
                at.varint()?;
            }
            // A field of ours in a wire type that is not its own.
            key if (1..=11).contains(&(key >> 3)) => return None,
            key => at.skip(key, depth)?,
        }
    }
    records.push(record);
    Some(())
}

/// What is left of a message, and where that lies.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a [u8],
    end: u32,
}

impl<'a> Cursor<'a> {
    fn over(message: &'a [u8]) -> Option<Self> {
        Some(Cursor { rest: message, end: u32::try_from(message.len()).ok()? })
    }

    fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    fn place(&self) -> Place {
        Place { start: self.back(self.rest.len()), end: self.end }
    }

    /// The place `len` bytes before the end, which are there: `rest` is the tail of bytes [0, end) of
    /// the message.
    fn back(&self, len: usize) -> u32 {
        self.end.wrapping_sub(len as u32)
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        let (&byte, rest) = self.rest.split_first()?;
        if byte < 0x80 {
            self.rest = rest;
            return Some(u64::from(byte));
        }
        self.long_varint()
    }

    #[inline]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            // i < 10, so the shift is below 64 and i + 1 does not overflow.
            #[allow(clippy::arithmetic_side_effects)]
            {
                value |= u64::from(byte & 0x7f) << (7 * i);
                if byte < 0x80 {
                    self.rest = self.rest.get(i + 1..)?;
                    // The tenth byte holds one bit.
                    return (i < 9 || byte < 2).then_some(value);
                }
            }
        }
        None
    }

    /// Field number and wire type; a key has 32 bits and no field is number 0.
    #[inline]
    fn key(&mut self) -> Option<u64> {
        let key = self.varint()?;
        (key <= u64::from(u32::MAX) && key >> 3 != 0).then_some(key)
    }

    #[inline]
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    #[inline]
    fn part(&mut self) -> Option<Cursor<'a>> {
        let len = usize::try_from(self.varint()?).ok()?;
        let taken = self.take(len)?;
        let end = self.place().start;
        Some(Cursor { rest: taken, end })
    }

    #[inline]
    fn text(&mut self) -> Option<(Place, &'a [u8])> {
        let part = self.part()?;
        let fine = part.rest.is_ascii() || std::str::from_utf8(part.rest).is_ok();
        fine.then(|| (part.place(), part.rest))
    }

    #[inline]
    fn double(&mut self) -> Option<f64> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f64::from_le_bytes(*bytes))
    }

    #[inline]
    fn float(&mut self) -> Option<f32> {
        let (bytes, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(f32::from_le_bytes(*bytes))
    }

    #[cold]
    fn skip(&mut self, key: u64, depth: u32) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        match key & 7 {
            0 => self.varint().map(drop),
            1 => self.take(8).map(drop),
            2 => self.part().map(drop),
            5 => self.take(4).map(drop),
            3 => loop {
                let inner = self.key()?;
                match inner & 7 {
                    4 => break (inner >> 3 == key >> 3).then_some(()),
                    _ => self.skip(inner, depth)?,
                }
            },
            _ => None,
        }
    }
}
