//! Schemas of tokens, and of who asks.

use serde_json::{Value, json};

use super::shape::{count, either, flag, list, null, object, one_of, optional, text, time};
use crate::http::security::{Right, Role};

fn roles() -> Value {
    list(one_of(&Role::ALL.map(Role::name)))
}

/// The same, where nothing is everything.
fn some() -> Value {
    json!({ "type": ["array", "null"], "items": text() })
}

/// Names of jobs or topics, and beginnings of names.
fn jobs() -> Value {
    list(text())
}

/// A token for all jobs and without end needs a name and roles.
pub(super) fn new_token() -> Value {
    let mut all = object(&[
        ("name", text()),
        ("roles", roles()),
        ("jobs", some()),
        ("select", some()),
        ("insert", some()),
        ("expires_ms", optional("integer")),
    ]);
    all["required"] = json!(["name", "roles"]);
    all
}

pub(super) fn token() -> Value {
    object(&[
        ("id", count()),
        ("name", text()),
        ("roles", roles()),
        ("jobs", jobs()),
        ("select", jobs()),
        ("insert", jobs()),
        ("created_ms", time()),
        ("created_by", text()),
        ("rotated_ms", optional("integer")),
        ("last_used_ms", optional("integer")),
        ("expires_ms", optional("integer")),
        ("revoked_ms", optional("integer")),
    ])
}

pub(super) fn who_am_i() -> Value {
    object(&[
        ("who", text()),
        ("is_proved", flag()),
        ("roles", roles()),
        ("may", list(one_of(&Right::ALL.map(Right::name)))),
        ("jobs", jobs()),
        ("select", jobs()),
        ("insert", jobs()),
        ("expires_ms", optional("integer")),
    ])
}

/// A request needs a name, roles and a reason.
pub(super) fn new_token_request() -> Value {
    let mut all = new_token();
    all["properties"]["why"] = text();
    all["required"] = json!(["name", "roles", "why"]);
    all
}

/// What is granted, where it is other than what was asked for.
pub(super) fn granted_token_request() -> Value {
    let mut all = new_token();
    for key in ["name", "roles"] {
        all["properties"][key] = either(all["properties"][key].clone(), null());
    }
    all["properties"]["comment"] = text();
    all["required"] = json!(["comment"]);
    all
}

pub(super) fn token_request() -> Value {
    object(&[
        ("id", count()),
        ("name", text()),
        ("roles", roles()),
        ("jobs", jobs()),
        ("select", jobs()),
        ("insert", jobs()),
        ("expires_ms", optional("integer")),
        ("why", text()),
        ("asked_ms", time()),
        ("asked_by", text()),
        ("state", one_of(&["waiting", "granted", "refused", "withdrawn", "lapsed"])),
        ("decided_ms", optional("integer")),
        ("decided_by", optional("string")),
        ("decided_why", optional("string")),
        ("token", optional("string")),
    ])
}
