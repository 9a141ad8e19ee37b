//! Rows that sinks wrote as JSON objects.

use seismic_proto::{Row, Schema};
use serde_json::Value;

/// The row that a JSON object is.
pub fn row_of(schema: &Schema, values: &Value) -> Row {
    let mut row = Row::new(schema);
    for (place, column) in schema.columns().iter().enumerate() {
        let value = match &values[&*column.name] {
            Value::Null => continue,
            Value::String(text) => column.parse(text),
            other => column.parse(&other.to_string()),
        };
        assert!(row.set(schema, place, value.unwrap().as_ref()), "{}", column.name);
    }
    row
}
