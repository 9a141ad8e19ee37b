//! How columns of the table take the values of rows, and rows as parameters of a statement.
//!
//! A row of a batch begins with a bit for each column that is NULL, and then has the others, one
//! after the other, so that any number of rows are put together without looking at their values.

use seismic_proto::{Column, ColumnType, Value, ValueRef};

use super::cell::{self, Cell, kind};
use super::packets::put_counted;
use crate::Rows;
use crate::rows::RowAt;
use crate::rows::columns::TableColumn;

/// Microseconds per millisecond.
const MICROS: i64 = 1_000;

/// How a column of the table has its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Text,
    Bool,
    Int,
    BigInt,
    Float,
    Double,
    /// Of UTC.
    DateTime,
}

/// What the server says of the type of a column.
#[derive(Clone, Copy, Debug)]
pub(super) struct TypeOfTable<'a> {
    /// Its name alone.
    pub(super) name: &'a str,
    /// With lengths and signs.
    pub(super) whole: &'a str,
    /// Digits of a second.
    pub(super) precision: Option<i64>,
}

impl Wire {
    /// How a column of this type in the table takes values of that kind; `None` where it cannot.
    pub(super) fn of(kind: ColumnType, of_table: TypeOfTable<'_>) -> Option<Wire> {
        let TypeOfTable { name, whole, precision } = of_table;
        let is_text = ["varchar", "tinytext", "text", "mediumtext", "longtext"].contains(&name);
        let is_signed = !whole.contains("unsigned");
        // One with lengths rounds.
        let is_exact = !whole.contains('(') && is_signed;
        Some(match (kind, name) {
            (ColumnType::Text | ColumnType::Enum(_), _) if is_text => Wire::Text,
            (ColumnType::Bool, "tinyint") => Wire::Bool,
            (ColumnType::Int32, "int") if is_signed => Wire::Int,
            (
                ColumnType::Int32
                | ColumnType::UInt32
                | ColumnType::Int64
                | ColumnType::TimestampMs,
                "bigint",
            ) if is_signed => Wire::BigInt,
            (ColumnType::TimestampMs, "datetime") if precision >= Some(3) => Wire::DateTime,
            (ColumnType::Float32, "float") if is_exact => Wire::Float,
            (ColumnType::Float32 | ColumnType::Float64, "double") if is_exact => Wire::Double,
            _ => return None,
        })
    }

    /// Its number in the protocol.
    pub(super) fn number(self) -> u8 {
        match self {
            Wire::Text => kind::VAR_STRING,
            Wire::Bool => kind::TINY,
            Wire::Int => kind::LONG,
            Wire::BigInt => kind::LONGLONG,
            Wire::Float => kind::FLOAT,
            Wire::Double => kind::DOUBLE,
            Wire::DateTime => kind::DATETIME,
        }
    }

    /// Appends a value; `false`: it is NULL, and nothing was appended.
    fn put(
        self,
        column: Option<&Column>,
        value: ValueRef<'_>,
        nan_is_null: bool,
        into: &mut Vec<u8>,
    ) -> Result<bool, &'static str> {
        match (self, value) {
            (_, ValueRef::Null) => return Ok(false),
            (Wire::Text, ValueRef::Text(text)) => put_counted(text.as_bytes(), into),
            (Wire::Text, ValueRef::Enum(number)) => {
                put_counted(column.map_or("", |column| column.word(number)).as_bytes(), into);
            }
            (Wire::Bool, ValueRef::Bool(value)) => into.push(u8::from(value)),
            (Wire::Int, ValueRef::Int32(value)) => into.extend_from_slice(&value.to_le_bytes()),
            (Wire::BigInt, ValueRef::Int32(value)) => put_long(value.into(), into),
            (Wire::BigInt, ValueRef::UInt32(value)) => put_long(value.into(), into),
            (Wire::BigInt, ValueRef::Int64(value)) => put_long(value, into),
            (Wire::Float | Wire::Double, ValueRef::Float32(value)) if !value.is_finite() => {
                return none(nan_is_null);
            }
            (Wire::Double, ValueRef::Float64(value)) if !value.is_finite() => {
                return none(nan_is_null);
            }
            (Wire::Float, ValueRef::Float32(value)) => into.extend_from_slice(&value.to_le_bytes()),
            (Wire::Double, ValueRef::Float32(value)) => {
                into.extend_from_slice(&f64::from(value).to_le_bytes());
            }
            (Wire::Double, ValueRef::Float64(value)) => {
                into.extend_from_slice(&value.to_le_bytes())
            }
            (Wire::DateTime, ValueRef::Int64(ms)) => {
                cell::put_time(ms, into).ok_or("a time that MySQL cannot hold")?;
            }
            _ => return Err("a value that is not of its column's type"),
        }
        Ok(true)
    }

    /// The value of a cell that [`Wire::put`] wrote; `None` when it is none of this column's.
    pub(super) fn get(self, column: &Column, cell: &Cell) -> Option<Value> {
        Some(match (self, column.kind, cell) {
            (Wire::Text, _, Cell::Bytes(bytes)) => {
                column.parse(std::str::from_utf8(bytes).ok()?)?
            }
            (Wire::Bool, _, Cell::Int(value)) => Value::Bool(*value != 0),
            (Wire::Int | Wire::BigInt, ColumnType::Int32, Cell::Int(value)) => {
                Value::Int32((*value).try_into().ok()?)
            }
            (Wire::BigInt, ColumnType::UInt32, Cell::Int(value)) => {
                Value::UInt32((*value).try_into().ok()?)
            }
            (Wire::BigInt, _, Cell::Int(value)) => Value::Int64(*value),
            (Wire::Float, _, Cell::Float(value)) => Value::Float32(*value),
            (Wire::Double, ColumnType::Float32, Cell::Double(value)) => {
                // It was a single one, so nothing is lost unless someone changed it.
                #[allow(clippy::cast_possible_truncation)]
                Value::Float32(*value as f32)
            }
            (Wire::Double, _, Cell::Double(value)) => Value::Float64(*value),
            // Someone else's time may be between two milliseconds.
            (Wire::DateTime, _, Cell::Time(Some(micros))) => {
                let is_whole = micros.rem_euclid(MICROS) == 0;
                Value::Int64(is_whole.then_some(micros.div_euclid(MICROS))?)
            }
            _ => return None,
        })
    }
}

fn none(nan_is_null: bool) -> Result<bool, &'static str> {
    match nan_is_null {
        true => Ok(false),
        false => {
            Err("a number that is none or infinite, which MySQL cannot hold (nan=null writes NULL)")
        }
    }
}

fn put_long(value: i64, into: &mut Vec<u8>) {
    into.extend_from_slice(&value.to_le_bytes());
}

/// Bytes of the bits with which a row of that many columns begins.
pub(super) fn bits(columns: usize) -> usize {
    columns.div_ceil(8)
}

/// Appends a row: bits of those that are NULL, and values.
pub(super) fn put_row(
    (columns, wires): (&[TableColumn], &[Wire]),
    nan_is_null: bool,
    (rows, at): (&Rows<'_>, RowAt<'_>),
    into: &mut Vec<u8>,
) -> Result<(), String> {
    let begin = into.len();
    into.resize(begin + bits(columns.len()), 0);
    for (place, (column, wire)) in columns.iter().zip(wires).enumerate() {
        let (of_schema, value) = column.value(rows, at);
        if column.is_key
            && let ValueRef::Text(text) = value
            && text.ends_with(' ')
        {
            // utf8mb4_bin compares texts without the blanks at their ends.
            return Err(format!(
                "its column {} ends with a blank, and is part of the key",
                column.name
            ));
        }
        let is_there = wire
            .put(of_schema, value, nan_is_null, into)
            .map_err(|why| format!("its column {} has {why}", column.name))?;
        if !is_there {
            cell::set_null(place, &mut into[begin..]);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use seismic_proto::Schema;

    use super::*;
    use crate::sql::mysql::ddl::sql_type;

    /// The type that a new table has for such values.
    fn wire(kind: ColumnType) -> Wire {
        let whole = sql_type(kind, false);
        let name = whole.split(['(', ' ']).next().unwrap();
        Wire::of(kind, TypeOfTable { name, whole: &whole, precision: Some(3) }).unwrap()
    }

    #[test]
    fn a_new_table_takes_every_value_of_every_column() {
        for column in Schema::windows().columns() {
            for value in ["1", "-7", "time", "Ä b"].iter().filter_map(|word| column.parse(word)) {
                let mut bytes = Vec::new();
                let put = wire(column.kind).put(Some(column), value.as_ref(), false, &mut bytes);
                assert_eq!(put, Ok(true), "{}", column.name);
            }
        }
    }

    #[test]
    fn what_no_column_can_hold_is_refused_or_null() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let (value, mut bytes) = (ValueRef::Float64(value), Vec::new());
            assert!(
                Wire::Double.put(None, value, false, &mut bytes).unwrap_err().contains("nan=null")
            );
            assert_eq!(Wire::Double.put(None, value, true, &mut bytes), Ok(false));
            assert!(bytes.is_empty());
        }
        let too_late = ValueRef::Int64(i64::MAX);
        assert!(Wire::DateTime.put(None, too_late, false, &mut Vec::new()).is_err());
    }

    #[test]
    fn a_type_that_rounds_cuts_or_has_no_sign_is_none() {
        let of =
            |kind, name, whole, precision| Wire::of(kind, TypeOfTable { name, whole, precision });
        assert_eq!(of(ColumnType::Float64, "double", "double(10,2)", None), None);
        assert_eq!(of(ColumnType::Float64, "float", "float", None), None);
        assert_eq!(of(ColumnType::Int64, "bigint", "bigint(20) unsigned", None), None);
        assert_eq!(of(ColumnType::Int32, "int", "int(11)", None), Some(Wire::Int));
        assert_eq!(of(ColumnType::TimestampMs, "datetime", "datetime", Some(0)), None);
        assert_eq!(of(ColumnType::Text, "char", "char(9)", None), None);
    }
}
