//! Values of rows as texts, and whole rows as JSON, for sinks whose targets take texts.

use std::fmt::Write as _;

use seismic_proto::{Column, ColumnType, Row, Schema, ValueRef};

use crate::nearest;

/// The place of a field that an option names.
pub(crate) fn place(schema: &Schema, option: &str, field: &str) -> Result<usize, String> {
    schema.index_of(field).ok_or_else(|| {
        let known = || schema.columns().iter().map(|column| &*column.name);
        let advice = nearest(field, known()).map_or_else(
            || format!("they have {}", known().collect::<Vec<_>>().join(", ")),
            |near| format!("did you mean {near}?"),
        );
        format!("{option} has {field:?}, which the rows do not have: {advice}")
    })
}

/// A value as text: numbers in the shortest form that reads back to the same, times in ms since
/// 1970. `None` where there is none.
pub(crate) fn text(column: &Column, value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Null => None,
        ValueRef::Float32(value) => Some(value.to_string()),
        ValueRef::Float64(value) => Some(value.to_string()),
        value => Some(column.show(value)),
    }
}

/// A row as a JSON object of these columns. A number that is none is `null`: JSON has no other
/// word.
pub(crate) fn json(schema: &Schema, row: &Row, columns: &[(usize, String)]) -> String {
    let mut json = String::from("{");
    for (place, name) in columns {
        if json.len() > 1 {
            json.push(',');
        }
        json += &quoted(name);
        json.push(':');
        match row.get(*place) {
            ValueRef::Null => json += "null",
            ValueRef::Float32(value) if !value.is_finite() => json += "null",
            ValueRef::Float64(value) if !value.is_finite() => json += "null",
            ValueRef::Float32(value) => write!(json, "{value}").expect("memory takes every byte"),
            ValueRef::Float64(value) => write!(json, "{value}").expect("memory takes every byte"),
            ValueRef::Text(text) => json += &quoted(text),
            ValueRef::Enum(number) => json += &quoted(schema.columns()[*place].word(number)),
            other => json += &schema.columns()[*place].show(other),
        }
    }
    json.push('}');
    json
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(any(feature = "hbase", feature = "redis"))]
/// Whether a column's values are whole numbers.
pub(crate) fn is_whole(kind: ColumnType) -> bool {
    matches!(kind, ColumnType::Int32 | ColumnType::UInt32 | ColumnType::Int64)
}

#[cfg(feature = "redis")]
/// Whether a column's values are numbers.
pub(crate) fn is_number(kind: ColumnType) -> bool {
    is_whole(kind)
        || matches!(kind, ColumnType::Float32 | ColumnType::Float64 | ColumnType::TimestampMs)
}
