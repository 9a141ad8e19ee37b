//! Rows in the binary format of PostgreSQL: for COPY, and back from a query.
//!
//! A tuple is a count of fields, and each field a length and its bytes, all big-endian; -1 is the
//! length of NULL. Times are microseconds since 2000-01-01. See "COPY, Binary Format" in the
//! manual.

use seismic_proto::{Column, ColumnType, Value, ValueRef};
use tokio_postgres::types::Type;

use crate::Rows;
use crate::rows::RowAt;
use crate::rows::columns::TableColumn;

/// Microseconds per millisecond.
const MICROS: i64 = 1_000;
/// 2000-01-01 in ms since 1970 UTC.
const EPOCH_MS: i64 = 946_684_800_000;
/// Times that a column can hold, ms since 1970 UTC: 4713 BC to 294276 AD.
const TIMES_MS: std::ops::RangeInclusive<i64> = -210_866_803_200_000..=9_224_318_015_999_999;

/// What stands before the tuples of a COPY.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What stands after them.
pub(super) const TRAILER: &[u8] = &[0xff, 0xff];

/// How a column of the table has its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Text,
    Bool,
    Int4,
    Int8,
    Float4,
    Float8,
    /// With or without a zone: the bytes are UTC.
    Time,
}

impl Wire {
    /// How a column of this type in the table takes values of that kind; `None` where it cannot.
    pub(super) fn of(kind: ColumnType, of_table: &Type) -> Option<Wire> {
        let is_text = [Type::TEXT, Type::VARCHAR].contains(of_table);
        let is_time = [Type::TIMESTAMPTZ, Type::TIMESTAMP].contains(of_table);
        Some(match kind {
            ColumnType::Text | ColumnType::Enum(_) if is_text => Wire::Text,
            ColumnType::Bool if *of_table == Type::BOOL => Wire::Bool,
            ColumnType::Int32 if *of_table == Type::INT4 => Wire::Int4,
            ColumnType::Int32
            | ColumnType::UInt32
            | ColumnType::Int64
            | ColumnType::TimestampMs
                if *of_table == Type::INT8 =>
            {
                Wire::Int8
            }
            ColumnType::TimestampMs if is_time => Wire::Time,
            ColumnType::Float32 if *of_table == Type::FLOAT4 => Wire::Float4,
            ColumnType::Float32 | ColumnType::Float64 if *of_table == Type::FLOAT8 => Wire::Float8,
            _ => return None,
        })
    }

    /// Appends a field.
    pub(super) fn put(
        self,
        column: Option<&Column>,
        value: ValueRef<'_>,
        into: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        match (self, value) {
            (_, ValueRef::Null) => into.extend_from_slice(&(-1i32).to_be_bytes()),
            (Wire::Text, ValueRef::Text(text)) => put_text(text, into)?,
            (Wire::Text, ValueRef::Enum(number)) => {
                put_text(column.map_or("", |column| column.word(number)), into)?;
            }
            (Wire::Bool, ValueRef::Bool(value)) => put_bytes(&[u8::from(value)], into),
            (Wire::Int4, ValueRef::Int32(value)) => put_bytes(&value.to_be_bytes(), into),
            (Wire::Int8, ValueRef::Int32(value)) => put_long(value.into(), into),
            (Wire::Int8, ValueRef::UInt32(value)) => put_long(value.into(), into),
            (Wire::Int8, ValueRef::Int64(value)) => put_long(value, into),
            (Wire::Float4, ValueRef::Float32(value)) => put_bytes(&value.to_be_bytes(), into),
            (Wire::Float8, ValueRef::Float32(value)) => {
                put_bytes(&f64::from(value).to_be_bytes(), into);
            }
            (Wire::Float8, ValueRef::Float64(value)) => put_bytes(&value.to_be_bytes(), into),
            (Wire::Time, ValueRef::Int64(ms)) if TIMES_MS.contains(&ms) => {
                put_long((ms - EPOCH_MS) * MICROS, into);
            }
            (Wire::Time, _) => return Err("a time that PostgreSQL cannot hold"),
            _ => return Err("a value that is not of its column's type"),
        }
        Ok(())
    }

    /// The value of a field that [`Wire::put`] wrote; `None` when it is none of this column's.
    pub(super) fn get(self, column: &Column, bytes: &[u8]) -> Option<Value> {
        Some(match (self, column.kind) {
            (Wire::Text, _) => column.parse(std::str::from_utf8(bytes).ok()?)?,
            (Wire::Bool, _) => Value::Bool(*bytes.first()? != 0),
            (Wire::Int4, _) => Value::Int32(i32::from_be_bytes(bytes.try_into().ok()?)),
            (Wire::Int8, ColumnType::Int32) => Value::Int32(long(bytes)?.try_into().ok()?),
            (Wire::Int8, ColumnType::UInt32) => Value::UInt32(long(bytes)?.try_into().ok()?),
            (Wire::Int8, _) => Value::Int64(long(bytes)?),
            (Wire::Float4, _) => Value::Float32(f32::from_be_bytes(bytes.try_into().ok()?)),
            (Wire::Float8, ColumnType::Float32) => {
                // It was a single one, so nothing is lost unless someone changed it.
                #[allow(clippy::cast_possible_truncation)]
                Value::Float32(f64::from_be_bytes(bytes.try_into().ok()?) as f32)
            }
            (Wire::Float8, _) => Value::Float64(f64::from_be_bytes(bytes.try_into().ok()?)),
            // Someone else's time may be between two milliseconds, or infinite.
            (Wire::Time, _) => {
                let micros = long(bytes)?;
                let is_whole = micros.rem_euclid(MICROS) == 0;
                Value::Int64(is_whole.then_some(micros.div_euclid(MICROS))?.checked_add(EPOCH_MS)?)
            }
        })
    }
}

/// Appends a row as a tuple of these columns.
pub(super) fn put_row(
    (columns, wires): (&[TableColumn], &[Wire]),
    rows: &Rows<'_>,
    at: RowAt<'_>,
    into: &mut Vec<u8>,
) -> Result<(), String> {
    let count = i16::try_from(columns.len()).unwrap_or(i16::MAX);
    into.extend_from_slice(&count.to_be_bytes());
    for (column, wire) in columns.iter().zip(wires) {
        let (of_schema, value) = column.value(rows, at);
        wire.put(of_schema, value, into)
            .map_err(|why| format!("its column {} has {why}", column.name))?;
    }
    Ok(())
}

fn put_text(text: &str, into: &mut Vec<u8>) -> Result<(), &'static str> {
    if text.as_bytes().contains(&0) {
        return Err("a text with the character U+0000, which PostgreSQL cannot hold");
    }
    put_bytes(text.as_bytes(), into);
    Ok(())
}

fn put_bytes(bytes: &[u8], into: &mut Vec<u8>) {
    // Texts of rows are far below 2 GiB: messages are.
    let length = i32::try_from(bytes.len()).unwrap_or(i32::MAX);
    into.extend_from_slice(&length.to_be_bytes());
    into.extend_from_slice(bytes);
}

fn put_long(value: i64, into: &mut Vec<u8>) {
    put_bytes(&value.to_be_bytes(), into);
}

fn long(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use seismic_proto::Schema;

    use super::*;

    /// The type that a new table has for a column.
    fn type_of(kind: ColumnType) -> Type {
        match kind {
            ColumnType::Text | ColumnType::Enum(_) => Type::TEXT,
            ColumnType::Bool => Type::BOOL,
            ColumnType::Int32 => Type::INT4,
            ColumnType::UInt32 | ColumnType::Int64 => Type::INT8,
            ColumnType::TimestampMs => Type::TIMESTAMPTZ,
            ColumnType::Float32 => Type::FLOAT4,
            ColumnType::Float64 => Type::FLOAT8,
        }
    }

    #[test]
    fn every_value_comes_back_as_it_was() {
        for column in Schema::windows().columns() {
            let words = ["1", "-7", "time", "Ä b"];
            for value in words.iter().filter_map(|word| column.parse(word)) {
                let wire = Wire::of(column.kind, &type_of(column.kind)).unwrap();
                let mut bytes = Vec::new();
                wire.put(Some(column), value.as_ref(), &mut bytes).unwrap();
                assert_eq!(wire.get(column, &bytes[4..]), Some(value), "{}", column.name);
            }
        }
    }

    #[test]
    fn floats_keep_their_bits_and_times_their_ends() {
        let column = Column::new(1, "x", ColumnType::Float64);
        for value in [f64::NAN, f64::INFINITY, -0.0, 5e-324, 0.1] {
            let mut bytes = Vec::new();
            Wire::Float8.put(Some(&column), ValueRef::Float64(value), &mut bytes).unwrap();
            let Some(Value::Float64(back)) = Wire::Float8.get(&column, &bytes[4..]) else {
                panic!()
            };
            assert_eq!(back.to_bits(), value.to_bits());
        }
        let column = Column::new(1, "t", ColumnType::TimestampMs);
        for ms in [0, -1, EPOCH_MS, *TIMES_MS.start(), *TIMES_MS.end()] {
            let mut bytes = Vec::new();
            Wire::Time.put(Some(&column), ValueRef::Int64(ms), &mut bytes).unwrap();
            assert_eq!(Wire::Time.get(&column, &bytes[4..]), Some(Value::Int64(ms)));
        }
        for ms in [i64::MIN, i64::MAX, TIMES_MS.start() - 1, TIMES_MS.end() + 1] {
            assert!(Wire::Time.put(Some(&column), ValueRef::Int64(ms), &mut Vec::new()).is_err());
        }
    }

    #[test]
    fn what_postgresql_cannot_hold_is_named() {
        let why = Wire::Text.put(None, ValueRef::Text("a\0b"), &mut Vec::new()).unwrap_err();
        assert!(why.contains("U+0000"), "{why}");
    }
}
