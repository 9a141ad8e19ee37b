//! Schemas of what an editor of jobs asks.

use serde_json::{Value, json};

use super::shape::{flag, list, object, one_of, optional, text, words};

/// A change of a job file: the way to a value, and the value; null or nothing takes the key out.
fn edit() -> Value {
    let step = json!({ "anyOf": [text(), { "type": "integer", "minimum": 0 }] });
    let mut all = object(&[("path", list(step)), ("value", json!({}))]);
    all["required"] = json!(["path"]);
    all
}

/// An object of which nothing is needed.
fn of_any(fields: &[(&str, Value)]) -> Value {
    let mut all = object(fields);
    all["required"] = json!([]);
    all
}

/// A text, or changes of what there is.
pub(super) fn new_draft() -> Value {
    of_any(&[
        ("text", optional("string")),
        ("set", list(edit())),
        ("file", optional("string")),
        ("variables", words()),
        ("env", optional("string")),
        ("comment", optional("string")),
    ])
}

pub(super) fn check() -> Value {
    of_any(&[
        ("text", optional("string")),
        ("job", optional("string")),
        ("set", list(edit())),
        ("variables", words()),
        ("env", optional("string")),
    ])
}

/// What a file says and what is wrong with it. `base` is what changes are of, for `If-Match`.
pub(super) fn checked() -> Value {
    object(&[
        ("base", optional("string")),
        ("is_draft", flag()),
        ("name", optional("string")),
        ("text", text()),
        ("values", optional("object")),
        ("topics", optional("object")),
        ("faults", list(text())),
    ])
}

pub(super) fn graph() -> Value {
    object(&[("jobs", list(job_graph(&[])))])
}

/// The graph of a job whose nodes have more than they always have.
pub(super) fn job_graph(more: &[(&str, Value)]) -> Value {
    let always = [
        ("id", text()),
        ("kind", one_of(&["source", "topic", "operator", "sink"])),
        ("title", text()),
        ("detail", text()),
        ("keys", list(text())),
    ];
    let node = object(&[&always, more].concat());
    let flows = ["none", "appended", "read", "rows", "dead_letters", "sink", "rollup"];
    let edge = object(&[
        ("from", text()),
        ("to", text()),
        ("flow", one_of(&flows)),
        ("number", optional("integer")),
    ]);
    object(&[("name", text()), ("group", text()), ("nodes", list(node)), ("edges", list(edge))])
}
