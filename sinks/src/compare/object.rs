//! Rows that a place has as JSON objects.

use seismic_proto::{Column, ColumnType, Row, Schema, Value as RowValue, ValueRef};
use serde_json::{Map, Value};

use super::sides::StoredRow;
use crate::rows::columns::{Source, TableColumn};

/// An object as its place gives it.
pub(crate) struct StoredObject<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) columns: &'a [TableColumn],
    pub(crate) object: &'a Map<String, Value>,
}

impl StoredRow for StoredObject<'_> {
    fn row(&self, mut expected: Row) -> Row {
        for column in self.columns {
            let Source::Field(place) = column.source else { continue };
            let of = &self.schema.columns()[place];
            let found = self.object.get(&column.name).unwrap_or(&Value::Null);
            // JSON has no word for numbers that are none.
            let is_none = match expected.get(place) {
                ValueRef::Float32(value) => !value.is_finite(),
                ValueRef::Float64(value) => !value.is_finite(),
                _ => false,
            };
            if is_none && found.is_null() {
                continue;
            }
            let value = value_of(of, found).unwrap_or_else(|| of.default_value());
            expected.set(self.schema, place, value.as_ref());
        }
        expected
    }

    fn has_constants(&self) -> bool {
        self.columns.iter().all(|column| match &column.source {
            Source::Constant(text) => self.object.get(&column.name) == Some(&text.as_str().into()),
            _ => true,
        })
    }
}

/// The value of a column that a value of an object is.
fn value_of(column: &Column, found: &Value) -> Option<RowValue> {
    match (found, column.kind) {
        (Value::String(text), ColumnType::Text | ColumnType::Enum(_)) => column.parse(text),
        (Value::Bool(_) | Value::Number(_), kind)
            if !matches!(kind, ColumnType::Text | ColumnType::Enum(_)) =>
        {
            column.parse(&found.to_string())
        }
        _ => None,
    }
}
