//! Schemas of versions, drafts and the audit log.

use serde_json::{Value, json};

use super::shape::{count, flag, list, object, optional, text, time};

fn version_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("number", count()),
        ("at_ms", time()),
        ("author", text()),
        ("comment", text()),
        ("hash", text()),
    ]
}

pub(super) fn version() -> Value {
    object(&version_fields())
}

pub(super) fn version_whole() -> Value {
    let mut fields = version_fields();
    fields.push(("text", text()));
    fields.push(("variables", list(text())));
    object(&fields)
}

pub(super) fn version_diff() -> Value {
    let change = object(&[("key", text()), ("from", json!({})), ("to", json!({}))]);
    object(&[
        ("from", count()),
        ("to", count()),
        ("semantics", list(change.clone())),
        ("other", list(change)),
        ("rules", object(&[("from", text()), ("to", text())])),
        ("is_same_content", flag()),
    ])
}

pub(super) fn draft() -> Value {
    object(&[
        ("revision", count()),
        ("at_ms", time()),
        ("author", text()),
        ("comment", text()),
        ("base", count()),
        ("text", text()),
        ("variables", list(text())),
        ("faults", list(text())),
    ])
}

pub(super) fn audit_entry() -> Value {
    object(&[
        ("id", count()),
        ("at_ms", time()),
        ("who", text()),
        ("is_proved", flag()),
        ("action", text()),
        ("job", optional("string")),
        ("version", optional("integer")),
        ("result", text()),
        ("detail", text()),
    ])
}

/// An object of which nothing is needed.
pub(super) fn optional_object(fields: &[(&'static str, Value)]) -> Value {
    let mut all = object(fields);
    all["required"] = json!([]);
    all
}
