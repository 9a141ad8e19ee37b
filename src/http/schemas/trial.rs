//! Schemas of a test of a job on packs that the server keeps.

use serde_json::{Value, json};

use super::editor::check;
use super::shape::{count, list, number, object, optional, text};

/// A job file as in a check, the resources that it reads, and what is done to their records.
pub(super) fn trial() -> Value {
    let mut all = check();
    let by_sensor = json!({ "type": "object", "additionalProperties": number() });
    let fields = [
        ("input", list(text())),
        ("expect", optional("string")),
        ("tolerance", number()),
        ("shuffle_s", number()),
        ("delay_s", by_sensor),
        ("duplicate_percent", number()),
        ("drop_percent", number()),
        ("seed", count()),
    ];
    if let Some(properties) = all["properties"].as_object_mut() {
        properties.extend(fields.map(|(name, schema)| (name.to_owned(), schema)));
    }
    all["required"] = json!(["input"]);
    all
}

/// The first rows and dead letters, counts of all, and what differs from expected rows.
pub(super) fn trial_report() -> Value {
    let any = || json!({ "type": "object" });
    let counts = object(&[
        ("read", count()),
        ("counted", count()),
        ("late", count()),
        ("rejected", count()),
        ("rows", count()),
        ("dead_letters", json!({ "type": "object", "additionalProperties": count() })),
    ]);
    let disturbed = ["duplicated", "dropped", "delayed"].map(|name| (name, count()));
    let rollup = object(&[("topic", text()), ("rows", list(any()))]);
    let mut all = object(&[
        ("rows", list(any())),
        ("rollups", list(rollup)),
        ("dead_letters", list(any())),
        ("counts", counts),
        ("input", any()),
        ("disturbed", object(&disturbed)),
        ("expected", any()),
    ]);
    if let Some(required) = all["required"].as_array_mut() {
        required.retain(|it| it != "expected");
    }
    all
}
