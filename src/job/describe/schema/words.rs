//! What schemas of several keys have in common.

use serde_json::{Value, json};

/// The pattern of a length of time, as [`TimeSpan`](crate::job::time_span::TimeSpan) reads it.
pub const DURATION: &str = "^(0|[0-9]+(ms|s|m|h|d))$";

/// A table without keys.
pub fn table_of(name: &str) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {},
        "description": format!("The table [{name}]"),
    })
}

/// One value, or a list of them.
pub fn one_or_more(one: &Value) -> Value {
    json!({ "anyOf": [one, { "type": "array", "items": one }] })
}
