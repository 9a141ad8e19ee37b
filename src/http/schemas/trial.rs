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

/// The first rows and dead letters, counts of all, and what differs from expected rows. Jobs with a
/// statement have no roll-ups and no late records, and others no tables.
pub(super) fn trial_report() -> Value {
    let any = || json!({ "type": "object" });
    let dead_letters = json!({ "type": "object", "additionalProperties": count() });
    let mut counts = ["counted", "late", "rejected", "gave", "filtered", "read", "rows"]
        .map(|name| (name, count()))
        .to_vec();
    counts.push(("dead_letters", dead_letters));
    let disturbed = ["duplicated", "dropped", "delayed"].map(|name| (name, count()));
    let rollup = object(&[("topic", text()), ("rows", list(any()))]);
    let all = object(&[
        ("rows", list(any())),
        ("dead_letters", list(any())),
        ("counts", with_required(object(&counts), &["read", "rows", "dead_letters"])),
        ("rollups", list(rollup)),
        ("input", any()),
        ("disturbed", object(&disturbed)),
        ("expected", any()),
        ("tables", list(any())),
        ("differences", list(text())),
    ]);
    with_required(all, &["rows", "dead_letters", "counts"])
}

fn with_required(mut schema: Value, names: &[&str]) -> Value {
    schema["required"] = json!(names);
    schema
}
