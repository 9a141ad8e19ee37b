//! Rows and their values: as they wait in a batch, as parameters, and as answers have them.
//!
//! A row waits as one byte and its value for each column: `0` for NULL, `1` and eight bytes for a
//! number or a time, `2`, a length and its bytes for a text.

use seismic_proto::{Column, ColumnType, Value as Found, ValueRef};

use super::dialect::Dialect;
use super::parameter::{Form, Stamp, Value};
use super::statement::{Cell, ColumnOfAnswer, Want, kind};
use crate::Rows;
use crate::rows::RowAt;
use crate::rows::columns::TableColumn;

/// How a column of the table takes its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Text,
    /// Whole numbers, and whether something is so.
    Whole(Form),
    Double,
    /// Date and time of UTC.
    Time,
}

/// Digits of the longest whole number of 32 and of 64 bits.
const INT_DIGITS: usize = 10;
const LONG_DIGITS: usize = 19;

impl Wire {
    /// How a column of this type in the table takes values of that kind; `None` where it cannot.
    pub(super) fn of(
        kind: ColumnType,
        of_table: &ColumnOfAnswer,
        dialect: Dialect,
    ) -> Option<Wire> {
        let whole = Wire::Whole(dialect.whole());
        let is_whole_decimal = |digits: usize| {
            matches!(of_table.kind, kind::NUMERIC | kind::DECIMAL)
                && of_table.digits == 0
                && of_table.size >= digits
        };
        let is_text =
            [kind::VARCHAR, kind::LONG_VARCHAR, kind::WIDE_VARCHAR, kind::WIDE_LONG_VARCHAR]
                .contains(&of_table.kind);
        // A CHAR of Oracle, Db2 or PostgreSQL pads with blanks.
        let is_long = of_table.kind == kind::BIGINT || is_whole_decimal(LONG_DIGITS);
        let is_int = is_long || of_table.kind == kind::INTEGER || is_whole_decimal(INT_DIGITS);
        let is_small = [kind::SMALLINT, kind::TINYINT, kind::BIT].contains(&of_table.kind);
        let is_double = matches!(of_table.kind, kind::DOUBLE | kind::FLOAT);
        Some(match kind {
            ColumnType::Text | ColumnType::Enum(_) if is_text => Wire::Text,
            ColumnType::Bool if is_int || is_small || is_whole_decimal(1) => whole,
            ColumnType::Int32 if is_int => whole,
            ColumnType::UInt32 | ColumnType::Int64 | ColumnType::TimestampMs if is_long => whole,
            // Digits that are not said are enough.
            ColumnType::TimestampMs
                if of_table.kind == kind::TIMESTAMP
                    && (of_table.digits >= 3 || dialect == Dialect::Sqlite) =>
            {
                Wire::Time
            }
            ColumnType::Float32 if is_double || of_table.kind == kind::REAL => Wire::Double,
            ColumnType::Float64 if is_double => Wire::Double,
            _ => return None,
        })
    }

    /// How its values are handed over.
    pub(super) fn form(self) -> Form {
        match self {
            Wire::Text => Form::Text,
            Wire::Whole(form) => form,
            Wire::Double => Form::Double,
            Wire::Time => Form::Time,
        }
    }

    /// As what its values are read. SQLite's doubles come as text.
    pub(super) fn want(self, dialect: Dialect) -> Want {
        match self {
            Wire::Double if dialect == Dialect::Sqlite => Want::Text,
            Wire::Text => Want::Text,
            Wire::Whole(_) => Want::Int,
            Wire::Double => Want::Double,
            Wire::Time => Want::Time,
        }
    }

    /// What stands in a SELECT for its column.
    pub(super) fn expression(self, dialect: Dialect, quoted: &str) -> String {
        if self == Wire::Double { dialect.double(quoted) } else { quoted.to_owned() }
    }

    fn put(
        self,
        column: Option<&Column>,
        value: ValueRef<'_>,
        nan_is_null: bool,
        into: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        let number = |value: [u8; 8], into: &mut Vec<u8>| {
            into.push(1);
            into.extend_from_slice(&value);
        };
        let long = |value: i64, into: &mut Vec<u8>| number(value.to_le_bytes(), into);
        match (self, value) {
            (_, ValueRef::Null) => into.push(0),
            (Wire::Text, ValueRef::Text(text)) => put_text(text, into)?,
            (Wire::Text, ValueRef::Enum(number)) => {
                put_text(column.map_or("", |column| column.word(number)), into)?;
            }
            (Wire::Whole(_), ValueRef::Bool(value)) => long(value.into(), into),
            (Wire::Whole(_), ValueRef::Int32(value)) => long(value.into(), into),
            (Wire::Whole(_), ValueRef::UInt32(value)) => long(value.into(), into),
            (Wire::Whole(_), ValueRef::Int64(value)) => long(value, into),
            (Wire::Time, ValueRef::Int64(ms)) => {
                Stamp::of(ms).ok_or("a time that databases cannot hold")?;
                long(ms, into);
            }
            (Wire::Double, ValueRef::Float32(_) | ValueRef::Float64(_)) => {
                let value = match value {
                    ValueRef::Float32(value) => f64::from(value),
                    ValueRef::Float64(value) => value,
                    _ => 0.0,
                };
                match value.is_finite() {
                    true => number(value.to_le_bytes(), into),
                    false if nan_is_null => into.push(0),
                    false => {
                        return Err("a number that is none or infinite, which few databases hold \
                                    (nan=null writes NULL)");
                    }
                }
            }
            _ => return Err("a value that is not of its column's type"),
        }
        Ok(())
    }

    /// The value of a cell that was written so; `None` when it is none of this column's.
    pub(super) fn get(self, column: &Column, cell: &Cell) -> Option<Found> {
        Some(match (column.kind, cell) {
            (ColumnType::Text | ColumnType::Enum(_), Cell::Text(text)) => column.parse(text)?,
            (ColumnType::Bool, Cell::Int(Some(value))) => Found::Bool(*value != 0),
            (ColumnType::Int32, Cell::Int(Some(value))) => Found::Int32((*value).try_into().ok()?),
            (ColumnType::UInt32, Cell::Int(Some(value))) => {
                Found::UInt32((*value).try_into().ok()?)
            }
            (ColumnType::Int64 | ColumnType::TimestampMs, Cell::Int(Some(value))) => {
                Found::Int64(*value)
            }
            (ColumnType::TimestampMs, Cell::Time(stamp)) => Found::Int64(stamp.ms()?),
            (ColumnType::Float32 | ColumnType::Float64, _) => {
                let value = match cell {
                    Cell::Double(value) => *value,
                    Cell::Text(digits) => digits.parse().ok()?,
                    _ => return None,
                };
                #[allow(clippy::cast_possible_truncation)] // It was widened when it was written.
                match column.kind {
                    ColumnType::Float32 => Found::Float32(value as f32),
                    _ => Found::Float64(value),
                }
            }
            _ => return None,
        })
    }
}

fn put_text(text: &str, into: &mut Vec<u8>) -> Result<(), &'static str> {
    if text.contains('\0') {
        return Err("a text with U+0000, at which some drivers end it");
    }
    into.push(2);
    let length = u32::try_from(text.len()).map_err(|_| "a text of gigabytes")?;
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(text.as_bytes());
    Ok(())
}

/// Appends a row to a batch; else why no database of the dialect can hold it.
pub(super) fn put_row(
    (columns, wires): (&[TableColumn], &[Wire]),
    (dialect, nan_is_null): (Dialect, bool),
    (rows, at): (&Rows<'_>, RowAt<'_>),
    into: &mut Vec<u8>,
) -> Result<(), String> {
    for (column, wire) in columns.iter().zip(wires) {
        let (of_schema, value) = column.value(rows, at);
        if column.is_key
            && dialect.forgets_blanks()
            && let ValueRef::Text(text) = value
            && text.ends_with(' ')
        {
            let name = &column.name;
            return Err(format!("its column {name} ends with a blank, and is part of the key"));
        }
        wire.put(of_schema, value, nan_is_null, into)
            .map_err(|why| format!("its column {} has {why}", column.name))?;
    }
    Ok(())
}

/// The values of a row that waits, as parameters take them.
pub(super) fn values<'a>(wires: &[Wire], mut row: &'a [u8]) -> Vec<Value<'a>> {
    let mut take = |wire: Wire| -> Option<Value<'a>> {
        let (tag, rest) = row.split_first()?;
        let (value, rest) = match tag {
            1 => {
                let (bytes, rest) = rest.split_first_chunk::<8>()?;
                let long = i64::from_le_bytes(*bytes);
                let value = match wire {
                    Wire::Double => Value::Double(f64::from_le_bytes(*bytes)),
                    Wire::Time => Stamp::of(long).map_or(Value::Null, Value::Time),
                    _ => Value::Long(long),
                };
                (value, rest)
            }
            2 => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                let (text, rest) = rest.split_at_checked(length)?;
                (Value::Text(std::str::from_utf8(text).ok()?), rest)
            }
            _ => (Value::Null, rest),
        };
        row = rest;
        Some(value)
    };
    wires.iter().map(|wire| take(*wire).expect("the batch has what was put there")).collect()
}

#[cfg(test)]
mod tests {
    use seismic_proto::Schema;

    use super::*;

    fn of_answer(kind: i16, size: usize, digits: i16) -> ColumnOfAnswer {
        ColumnOfAnswer { name: String::new(), kind, size, digits, may_lack: true }
    }

    #[test]
    fn every_value_comes_out_as_it_went_in() {
        for column in Schema::windows().columns() {
            let wire = match column.kind {
                ColumnType::Text | ColumnType::Enum(_) => Wire::Text,
                ColumnType::Float32 | ColumnType::Float64 => Wire::Double,
                ColumnType::TimestampMs => Wire::Time,
                _ => Wire::Whole(Form::Long),
            };
            for value in ["1", "-7", "time", "Ä b"].iter().filter_map(|word| column.parse(word)) {
                let mut bytes = Vec::new();
                wire.put(Some(column), value.as_ref(), false, &mut bytes).unwrap();
                let cell = match values(&[wire], &bytes)[0] {
                    Value::Long(value) => Cell::Int(Some(value)),
                    Value::Double(value) => Cell::Double(value),
                    Value::Time(value) => Cell::Time(value),
                    Value::Text(text) => Cell::Text(text.to_owned()),
                    other => panic!("{other:?}"),
                };
                assert_eq!(wire.get(column, &cell), Some(value), "{}", column.name);
            }
        }
    }

    #[test]
    fn what_no_column_can_hold_is_refused_or_null() {
        let put = |wire: Wire, value, nan_is_null| {
            let mut bytes = Vec::new();
            wire.put(None, value, nan_is_null, &mut bytes).map(|()| bytes)
        };
        for value in [f64::NAN, f64::INFINITY] {
            let refused = put(Wire::Double, ValueRef::Float64(value), false).unwrap_err();
            assert!(refused.contains("nan=null"), "{refused}");
            assert_eq!(put(Wire::Double, ValueRef::Float64(value), true), Ok(vec![0]));
        }
        assert!(put(Wire::Time, ValueRef::Int64(i64::MAX), false).is_err());
        assert!(put(Wire::Text, ValueRef::Text("a\0b"), false).is_err());
    }

    #[test]
    fn a_type_that_rounds_cuts_or_pads_is_none() {
        let of = |kind, found| Wire::of(kind, &found, Dialect::Generic);
        assert_eq!(of(ColumnType::Int64, of_answer(kind::INTEGER, 10, 0)), None);
        assert_eq!(of(ColumnType::Int64, of_answer(kind::DECIMAL, 18, 0)), None);
        assert_eq!(of(ColumnType::Float64, of_answer(kind::REAL, 7, 0)), None);
        assert_eq!(of(ColumnType::TimestampMs, of_answer(kind::TIMESTAMP, 19, 0)), None);
        assert_eq!(of(ColumnType::Text, of_answer(kind::CHAR, 64, 0)), None);
        let whole = Some(Wire::Whole(Form::Long));
        assert_eq!(of(ColumnType::Int64, of_answer(kind::DECIMAL, 19, 0)), whole);
        let number = of_answer(kind::DECIMAL, 19, 0);
        let digits = Wire::of(ColumnType::Int64, &number, Dialect::Oracle);
        assert_eq!(digits, Some(Wire::Whole(Form::Digits)));
    }
}
