//! Schemas of stored data: checkpoints, rows, dead letters and sensors.

use serde_json::{Value, json};

use super::shape::{count, either, flag, list, null, object, optional, text, time};

pub(super) fn checkpoint() -> Value {
    object(&[
        ("partition", count()),
        ("number", count()),
        ("position", count()),
        ("chunks", count()),
        ("bytes", count()),
        ("created_ms", time()),
        ("kept_as", optional("string")),
        ("names", list(text())),
    ])
}

pub(super) fn savepoint() -> Value {
    let partition = object(&[
        ("partition", count()),
        ("number", count()),
        ("position", count()),
        ("bytes", count()),
    ]);
    object(&[
        ("name", text()),
        ("is_complete", flag()),
        ("created_ms", optional("integer")),
        ("partitions", list(partition)),
    ])
}

pub(super) fn sensor() -> Value {
    object(&[
        ("sensor", text()),
        ("records", count()),
        ("rate_hz", optional("number")),
        ("gaps", count()),
        ("repeats", count()),
        ("rejected", count()),
        ("late", count()),
        ("clock_jumps", count()),
        ("wrong_clock", flag()),
        ("clock_offset_ms", optional("integer")),
        ("zone_minutes", optional("integer")),
        ("clock_spread_ms", optional("integer")),
        ("oldest_event_ms", time()),
        ("newest_event_ms", time()),
        ("last_seen_ms", time()),
        ("latitude", optional("number")),
        ("longitude", optional("number")),
    ])
}

pub(super) fn row() -> Value {
    object(&[
        ("window_start_ms", time()),
        ("window_end_ms", time()),
        ("records", count()),
        ("min", optional("number")),
        ("avg", optional("number")),
        ("max", optional("number")),
    ])
}

/// The configuration of a job, by key; a value may be of any type.
pub(super) fn values() -> Value {
    let one = object(&[("value", json!({})), ("source", text())]);
    json!({ "type": "object", "additionalProperties": one })
}

pub(super) fn dead_letter() -> Value {
    object(&[
        ("partition", count()),
        ("offset", count()),
        ("written_ms", time()),
        ("reason", text()),
        ("input_topic", text()),
        ("input_partition", json!({ "type": "integer" })),
        ("input_offset", json!({ "type": "integer" })),
        ("index", json!({ "type": "integer" })),
        ("append_ms", time()),
        ("original_len", count()),
        ("bytes", text()),
        ("record", either(json!({ "type": "object" }), null())),
    ])
}
