//! Schemas of files that a server keeps.

use serde_json::Value;

use super::shape::{count, flag, list, object, reference, text, time};

pub(super) fn resource() -> Value {
    let version = object(&[("job", text()), ("version", count())]);
    object(&[
        ("name", text()),
        ("sha256", text()),
        ("bytes", count()),
        ("at_ms", time()),
        ("author", text()),
        ("is_pinned", flag()),
        ("pinned_by", list(version)),
    ])
}

pub(super) fn resources() -> Value {
    let most = object(&[("resource_bytes", count()), ("resources", count()), ("bytes", count())]);
    object(&[("resources", list(reference("Resource"))), ("bytes", count()), ("most", most)])
}
