//! Schemas of versions, drafts and the audit log.

use serde_json::{Value, json};

use super::editor::job_graph;
use super::shape::{count, either, flag, list, null, object, one_of, optional, text, time, words};

fn version_fields() -> Vec<(&'static str, Value)> {
    vec![
        ("number", count()),
        ("at_ms", time()),
        ("author", text()),
        ("is_proved", flag()),
        ("comment", text()),
        ("hash", text()),
        ("stage", stage()),
        ("tested", either(tested(), null())),
        ("decided", either(decided(), null())),
        ("started_ms", optional("integer")),
        ("resources", words()),
    ]
}

fn stage() -> Value {
    one_of(&["draft", "tested", "approved", "rejected", "withdrawn", "running", "offline"])
}

fn tested() -> Value {
    object(&[
        ("by", text()),
        ("at_ms", time()),
        ("input", text()),
        ("result", text()),
        ("is_compared", flag()),
        ("read", count()),
        ("late", count()),
        ("rejected", count()),
        ("rows", count()),
    ])
}

fn decided() -> Value {
    let decision = one_of(&["approved", "rejected", "withdrawn"]);
    object(&[("decision", decision), ("by", text()), ("at_ms", time()), ("comment", text())])
}

/// Versions of all jobs, and whether none is started that is not approved.
pub(super) fn approvals() -> Value {
    let mut fields = version_fields();
    fields.push(("job", text()));
    object(&[("is_required", flag()), ("versions", list(object(&fields)))])
}

/// What is decided of a version; why must be said, but by whoever withdraws their own.
pub(super) fn decision() -> Value {
    let mut all = object(&[
        ("version", count()),
        ("comment", optional("string")),
        ("untested", optional("boolean")),
    ]);
    all["required"] = json!(["version"]);
    all
}

/// What became of it.
pub(super) fn decided_version() -> Value {
    object(&[("name", text()), ("version", count()), ("stage", stage())])
}

/// A test that passed.
pub(super) fn test_result() -> Value {
    let variables = json!({ "type": "object", "additionalProperties": text() });
    let mut all = object(&[
        ("text", text()),
        ("variables", variables),
        ("env", optional("string")),
        ("resources", words()),
        ("rules", text()),
        ("input", text()),
        ("result", text()),
        ("is_compared", flag()),
        ("read", count()),
        ("late", count()),
        ("rejected", count()),
        ("rows", count()),
    ]);
    if let Some(required) = all["required"].as_array_mut() {
        required.retain(|it| it != "variables" && it != "env" && it != "resources");
    }
    all
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
        ("graph", job_graph(&[("mark", optional("string"))])),
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
