//! Schemas that a server adds: submissions, alarms and logs.

use serde_json::{Value, json};

use super::shape::{count, list, object, one_of, optional, text, time, words};
use crate::http::model::STATES;

/// What a server takes as a new job: the text of a job file is enough.
pub(super) fn submission() -> Value {
    let mut all = object(&[
        ("text", text()),
        ("file", optional("string")),
        ("variables", words()),
        ("env", optional("string")),
        ("comment", optional("string")),
    ]);
    all["required"] = json!(["text"]);
    all
}

/// Where a start begins: nothing of it is needed.
pub(super) fn start() -> Value {
    let all = ["from_checkpoint", "from"].map(|name| (name, optional("string")));
    let mut all = object(&all);
    all["required"] = json!([]);
    all
}

pub(super) fn copy() -> Value {
    let mut all =
        object(&[("name", text()), ("from_checkpoint", optional("string")), ("set", words())]);
    all["required"] = json!(["name"]);
    all
}

pub(super) fn promotion() -> Value {
    let version = optional("integer");
    let mut all = object(&[("to", text()), ("version", version), ("comment", optional("string"))]);
    all["required"] = json!(["to"]);
    all
}

pub(super) fn transition() -> Value {
    object(&[
        ("worker", count()),
        ("state", one_of(&STATES)),
        ("since_ms", time()),
        ("why", text()),
        ("last_error", optional("string")),
    ])
}

pub(super) fn alarm() -> Value {
    object(&[
        ("job", text()),
        ("kind", text()),
        ("subject", text()),
        ("text", text()),
        ("raised_ms", time()),
        ("recovered_ms", optional("integer")),
    ])
}

pub(super) fn delivery() -> Value {
    object(&[
        ("id", count()),
        ("target", text()),
        ("tries", count()),
        ("error", optional("string")),
        ("state", text()),
        ("jobs", list(text())),
    ])
}

pub(super) fn log_line() -> Value {
    let levels = ["error", "warn", "info", "debug", "trace"];
    object(&[
        ("time_ms", time()),
        ("level", one_of(&levels)),
        ("message", text()),
        ("worker", optional("integer")),
    ])
}
