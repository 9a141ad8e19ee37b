//! Values in the binary protocol: parameters of statements, and what rows of answers have. See
//! "Binary Protocol Value" in the documentation of the protocol.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::packets::{Bytes, put_counted};

/// Types, by their numbers.
pub(super) mod kind {
    pub(super) const DECIMAL: u8 = 0;
    pub(in super::super) const TINY: u8 = 1;
    pub(super) const SHORT: u8 = 2;
    pub(in super::super) const LONG: u8 = 3;
    pub(in super::super) const FLOAT: u8 = 4;
    pub(in super::super) const DOUBLE: u8 = 5;
    pub(super) const TIMESTAMP: u8 = 7;
    pub(in super::super) const LONGLONG: u8 = 8;
    pub(super) const INT24: u8 = 9;
    pub(super) const DATE: u8 = 10;
    pub(super) const TIME: u8 = 11;
    pub(in super::super) const DATETIME: u8 = 12;
    pub(super) const YEAR: u8 = 13;
    pub(super) const NEW_DECIMAL: u8 = 246;
    pub(super) const BLOB: u8 = 252;
    pub(in super::super) const VAR_STRING: u8 = 253;
}

/// Flag of a column without negative numbers.
const UNSIGNED: u16 = 32;

/// The alphabet of bytes that are in none, by its number.
const BINARY: u16 = 63;

/// A parameter of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) enum Param<'a> {
    Int(i64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// A value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Int(i64),
    Float(f32),
    Double(f64),
    Bytes(Vec<u8>),
    /// Microseconds since 1970 UTC, if it is a date of the calendar.
    Time(Option<i64>),
}

impl Cell {
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Cell::Int(value) => Some(*value),
            // A sum or a quotient comes as text.
            Cell::Bytes(bytes) => std::str::from_utf8(bytes).ok()?.parse().ok(),
            _ => None,
        }
    }

    pub(super) fn text(&self) -> Option<String> {
        match self {
            Cell::Bytes(bytes) => String::from_utf8(bytes.clone()).ok(),
            Cell::Int(value) => Some(value.to_string()),
            _ => None,
        }
    }
}

/// A column of an answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnOfAnswer {
    kind: u8,
    is_unsigned: bool,
    /// Whether its texts are bytes without an alphabet.
    is_binary: bool,
}

/// Bits of those that are NULL, types, and values of parameters.
pub(super) fn encode(with: &[Param<'_>]) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let (mut types, mut values) = (Vec::new(), Vec::new());
    for param in with {
        let kind = match param {
            Param::Int(value) => {
                values.extend_from_slice(&value.to_le_bytes());
                kind::LONGLONG
            }
            Param::Text(text) => {
                put_counted(text.as_bytes(), &mut values);
                kind::VAR_STRING
            }
            Param::Bytes(bytes) => {
                put_counted(bytes, &mut values);
                kind::BLOB
            }
        };
        types.extend_from_slice(&[kind, 0]);
    }
    (vec![0; with.len().div_ceil(8)], types, values)
}

/// Marks the parameter of that place as NULL.
pub(super) fn set_null(place: usize, nulls: &mut [u8]) {
    if let Some(byte) = nulls.get_mut(place / 8) {
        *byte |= 1 << (place % 8);
    }
}

/// Whether the place is marked as NULL.
pub(super) fn is_null(place: usize, nulls: &[u8]) -> bool {
    nulls.get(place / 8).is_some_and(|byte| byte & 1 << (place % 8) != 0)
}

/// What a packet says of a column.
pub(super) fn column(packet: &[u8]) -> Option<ColumnOfAnswer> {
    let mut bytes = Bytes(packet);
    // Catalog, schema, table and column, the latter two under two names, and a length.
    for _ in 0..6 {
        bytes.counted()?;
    }
    bytes.number()?;
    let alphabet = bytes.u16()?;
    bytes.some(4)?;
    let (kind, flags) = (bytes.u8()?, bytes.u16()?);
    let (is_unsigned, is_binary) = (flags & UNSIGNED != 0, alphabet == BINARY);
    Some(ColumnOfAnswer { kind, is_unsigned, is_binary })
}

/// The values of a row.
pub(super) fn row(columns: &[ColumnOfAnswer], packet: &[u8]) -> Option<Vec<Cell>> {
    let mut bytes = Bytes(packet);
    let 0 = bytes.u8()? else { return None };
    // The first two bits are of something else.
    let nulls = bytes.some(columns.len().checked_add(9)? / 8)?;
    let mut cells = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        let is_null = is_null(place.checked_add(2)?, nulls);
        cells.push(if is_null { Cell::Null } else { column.take(&mut bytes)? });
    }
    Some(cells)
}

impl ColumnOfAnswer {
    pub(super) fn is_unsigned(self) -> bool {
        self.is_unsigned
    }

    /// Whether it has decimal numbers, which come as text.
    pub(super) fn is_decimal(self) -> bool {
        matches!(self.kind, kind::DECIMAL | kind::NEW_DECIMAL)
    }

    /// Whether it has bytes that are no text.
    pub(super) fn is_binary(self) -> bool {
        self.is_binary && !self.is_decimal()
    }

    fn take(self, bytes: &mut Bytes<'_>) -> Option<Cell> {
        Some(match (self.kind, self.is_unsigned) {
            (kind::TINY, false) => Cell::Int(i8::from_le_bytes(bytes.array()?).into()),
            (kind::TINY, true) => Cell::Int(bytes.u8()?.into()),
            (kind::SHORT, false) => Cell::Int(i16::from_le_bytes(bytes.array()?).into()),
            (kind::SHORT | kind::YEAR, _) => Cell::Int(bytes.u16()?.into()),
            (kind::LONG | kind::INT24, false) => {
                Cell::Int(i32::from_le_bytes(bytes.array()?).into())
            }
            (kind::LONG | kind::INT24, true) => Cell::Int(bytes.u32()?.into()),
            (kind::LONGLONG, false) => Cell::Int(i64::from_le_bytes(bytes.array()?)),
            // None of ours is beyond the half of these.
            (kind::LONGLONG, true) => Cell::Int(i64::try_from(bytes.u64()?).unwrap_or(i64::MAX)),
            (kind::FLOAT, _) => Cell::Float(f32::from_le_bytes(bytes.array()?)),
            (kind::DOUBLE, _) => Cell::Double(f64::from_le_bytes(bytes.array()?)),
            (kind::TIMESTAMP | kind::DATE | kind::DATETIME, _) => {
                Cell::Time(time(bytes.counted()?))
            }
            // A length of time is none of ours.
            (kind::TIME, _) => bytes.counted().map(|_| Cell::Time(None))?,
            _ => Cell::Bytes(bytes.counted()?.to_vec()),
        })
    }
}

/// Microseconds since 1970 of a date and time; trailing zeros are left out.
fn time(bytes: &[u8]) -> Option<i64> {
    let mut bytes = Bytes(bytes);
    let (year, month, day) = (bytes.u16()?, bytes.u8()?, bytes.u8()?);
    let (hour, minute, second) = match bytes.0.is_empty() {
        true => (0, 0, 0),
        false => (bytes.u8()?, bytes.u8()?, bytes.u8()?),
    };
    let micros = if bytes.0.is_empty() { 0 } else { bytes.u32()? };
    let [month, day, hour, minute, second] =
        [month, day, hour, minute, second].map(|part| i8::try_from(part).unwrap_or(-1));
    let nanos = i32::try_from(micros).ok()?.checked_mul(1_000)?;
    let year = i16::try_from(year).ok()?;
    let civil = DateTime::new(year, month, day, hour, minute, second, nanos).ok()?;
    Some(Offset::UTC.to_timestamp(civil).ok()?.as_microsecond())
}

/// Times that a column can hold, ms since 1970 UTC: the years 1000 to 9999, without the last hours
/// that the calendar of our library has not.
const TIMES_MS: std::ops::RangeInclusive<i64> = -30_610_224_000_000..=253_402_207_200_000;

/// Appends a time in ms since 1970 as date and time of UTC; `None` where no column can hold it.
pub(super) fn put_time(ms: i64, into: &mut Vec<u8>) -> Option<()> {
    TIMES_MS.contains(&ms).then_some(())?;
    let civil = Offset::UTC.to_datetime(Timestamp::from_millisecond(ms).ok()?);
    into.push(11);
    into.extend_from_slice(&civil.year().to_le_bytes());
    let parts = [civil.month(), civil.day(), civil.hour(), civil.minute(), civil.second()];
    into.extend_from_slice(&parts.map(i8::cast_unsigned));
    let micros = civil.subsec_nanosecond().checked_div(1_000)?;
    into.extend_from_slice(&micros.to_le_bytes());
    Some(())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_to_the_millisecond_and_others_are_none() {
        for ms in [0, -1, 1, 1_709_164_800_123, *TIMES_MS.start(), *TIMES_MS.end()] {
            let mut bytes = Vec::new();
            put_time(ms, &mut bytes).unwrap();
            assert_eq!(time(&bytes[1..]), Some(ms * 1_000), "{ms}");
        }
        for ms in [TIMES_MS.start() - 1, TIMES_MS.end() + 1, i64::MIN, i64::MAX] {
            assert_eq!(put_time(ms, &mut Vec::new()), None, "{ms}");
        }
        assert_eq!(time(&[0xe8, 7, 2, 29]), Some(1_709_164_800_000_000));
        assert_eq!(time(&[0xe8, 7, 2, 29, 0, 0, 1]), Some(1_709_164_801_000_000));
        for zero_or_cut in [&[][..], &[0, 0, 0, 0], &[0xe8, 7, 2], &[0xe8, 7, 2, 30, 0]] {
            assert_eq!(time(zero_or_cut), None);
        }
    }

    #[test]
    fn a_row_that_is_cut_or_longer_than_its_columns_is_none_or_does_no_harm() {
        let column = |kind| ColumnOfAnswer { kind, is_unsigned: false, is_binary: false };
        let columns = [column(kind::LONGLONG), column(kind::VAR_STRING), column(kind::FLOAT)];
        let mut packet = vec![0, 0b1_0000];
        packet.extend_from_slice(&(-7i64).to_le_bytes());
        packet.extend_from_slice(b"\x02ab");
        let cells = row(&columns, &packet).unwrap();
        assert_eq!(cells, [Cell::Int(-7), Cell::Bytes(b"ab".to_vec()), Cell::Null]);
        for length in 0..packet.len() {
            assert_eq!(row(&columns, &packet[..length]), None, "{length}");
        }
        assert_eq!(row(&columns, b"\xfe\0\0\0\0"), None);
    }
}
