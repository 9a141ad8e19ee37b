//! Building blocks of JSON Schemas.

use serde_json::{Map, Value, json};

pub(super) fn words() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

/// An object with these properties, all of them and no others.
pub(super) fn object(properties: &[(&str, Value)]) -> Value {
    let required: Vec<&str> = properties.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": properties,
    })
}

pub(super) fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

pub(super) fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

pub(super) fn either(one: Value, other: Value) -> Value {
    json!({ "anyOf": [one, other] })
}

pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

pub(super) fn optional(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

pub(super) fn number() -> Value {
    json!({ "type": "number" })
}

/// ms since 1970 UTC.
pub(super) fn time() -> Value {
    json!({ "type": "integer", "description": "ms since 1970 UTC" })
}

pub(super) fn null() -> Value {
    json!({ "type": "null" })
}
