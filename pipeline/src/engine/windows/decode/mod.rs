//! Decodes messages into records without allocation: fields are byte ranges, not copies.
//!
//! Accepts the same messages and gives the same values as `prost` on `SeismicRecord` and
//! `SeismicRecordBatch`; the property tests in `tests/hostile/message.rs` check this. Fields that
//! the pipeline does not use are validated and skipped. Fields may come in any order;
//! `fast_path.rs` handles the usual order. Wire format:
//! <https://protobuf.dev/programming-guides/encoding/>.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod cursor;
mod fast_path;
mod record;

use seismic_proto::BATCH_FIRST_BYTE;

use crate::limits;

use self::cursor::Cursor;
use self::record::OfRecord;
pub use self::record::{ByteRange, Phase, Record, RecordKey};

/// Why a message has no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Not the protobuf that it should be.
    Unparseable,
    /// More records than [`limits::RECORDS_PER_MESSAGE`].
    TooManyRecords,
}

/// Decodes a whole message into `records`, which is cleared first.
///
/// # Errors
/// A [`DecodeError`]; `records` then means nothing.
pub fn decode(message: &[u8], records: &mut Vec<Record>) -> Result<(), DecodeError> {
    decode_all(message, records)
}

/// Decodes as [`decode`] does, and gives of each record only to which sensor it belongs: the
/// repartition passes on what it never looks at.
///
/// # Errors
/// As [`decode`].
pub fn decode_keys(message: &[u8], keys: &mut Vec<RecordKey>) -> Result<(), DecodeError> {
    decode_all(message, keys)
}

#[inline(always)]
fn decode_all<T: OfRecord>(message: &[u8], records: &mut Vec<T>) -> Result<(), DecodeError> {
    records.clear();
    let whole = Cursor::over(message).ok_or(DecodeError::Unparseable)?;
    match message.first() {
        Some(&BATCH_FIRST_BYTE) => batch(whole, records),
        _ => record(whole, DEPTH, records).ok_or(DecodeError::Unparseable),
    }
}

/// Decodes a message that is one record, whatever its first field: one taken out of a pack may
/// begin with the field that makes a pack.
///
/// # Errors
/// As [`decode`].
pub fn decode_record(message: &[u8], records: &mut Vec<Record>) -> Result<(), DecodeError> {
    records.clear();
    let whole = Cursor::over(message).ok_or(DecodeError::Unparseable)?;
    record(whole, DEPTH, records).ok_or(DecodeError::Unparseable)
}

/// The event time of the first record of a message that is written as usual, ms since 1970 UTC.
/// Nothing else of it is looked at.
#[must_use]
pub fn first_event_time(message: &[u8]) -> Option<i64> {
    fast_path::event_time(message).or_else(|| any_event_time(message))
}

/// The same of any message.
fn any_event_time(message: &[u8]) -> Option<i64> {
    let mut at = Cursor::over(message)?;
    if message.first() == Some(&BATCH_FIRST_BYTE) {
        at.key()?;
        at = at.part()?;
    }
    loop {
        match at.key()? {
            0x0a => {
                at.part()?;
            }
            0x10 => return Some(at.varint()? as i64),
            _ => return None,
        }
    }
}

#[inline(never)]
fn batch<T: OfRecord>(mut at: Cursor<'_>, records: &mut Vec<T>) -> Result<(), DecodeError> {
    while !at.is_done() {
        let key = at.key().ok_or(DecodeError::Unparseable)?;
        match key {
            0x7a => {
                if records.len() == limits::RECORDS_PER_MESSAGE {
                    return Err(DecodeError::TooManyRecords);
                }
                let part = at.part().ok_or(DecodeError::Unparseable)?;
                record(part, DEPTH - 1, records).ok_or(DecodeError::Unparseable)?;
            }
            _ if key >> 3 == 15 => return Err(DecodeError::Unparseable),
            _ => at.skip(key, DEPTH).ok_or(DecodeError::Unparseable)?,
        }
    }
    Ok(())
}

/// Groups nest at most this deep, as in `prost`.
const DEPTH: u32 = 100;

/// Appends the record that is all of what is left.
#[inline(always)]
fn record<T: OfRecord>(mut at: Cursor<'_>, depth: u32, records: &mut Vec<T>) -> Option<()> {
    let mut record = Record { bytes: at.range(), ..Record::default() };
    fast_path::read(&mut at, &mut record);
    // From registers to its place: a copy on the way would wait for its own writes, and cost more
    // than the decoding.
    if at.is_done() {
        records.push(T::of(record));
        return Some(());
    }
    rest(at, record, depth, records)
}

/// Reads fields in any order until nothing is left; of a field that is there twice, the last
/// counts.
#[cold]
#[inline(never)]
fn rest<T: OfRecord>(
    mut at: Cursor<'_>,
    mut record: Record,
    depth: u32,
    records: &mut Vec<T>,
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
    records.push(T::of(record));
    Some(())
}
