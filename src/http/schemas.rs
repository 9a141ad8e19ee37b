//! The shapes of what the API takes and gives, as JSON Schemas.

use serde_json::{Map, Value, json};

use super::api_error;
use super::model::STATES;

/// All of them, by name.
pub fn schemas() -> Map<String, Value> {
    let codes: Vec<&str> = api_error::CODES.iter().map(|(code, _)| *code).collect();
    let all = [
        ("Error", object(&[("error", object(&[("code", one_of(&codes)), ("message", text())]))])),
        ("OpenApi", json!({ "type": "object", "required": ["openapi", "paths"] })),
        ("Overview", overview()),
        ("Workers", object(&[("workers", list(worker()))])),
        ("Jobs", object(&[("jobs", list(reference("JobEntry")))])),
        (
            "Job",
            object(&[
                ("job", reference("JobEntry")),
                ("status", either(reference("Status"), null())),
                ("status_error", optional("string")),
            ]),
        ),
        ("JobEntry", job_entry()),
        ("Numbers", numbers()),
        ("Histogram", histogram()),
        ("Status", status()),
        ("Checkpoints", object(&[("checkpoints", list(checkpoint()))])),
        ("Savepoints", object(&[("savepoints", list(savepoint()))])),
        (
            "Sensors",
            object(&[
                ("total", count()),
                ("offset", count()),
                ("seen_ms", time()),
                ("sensors", list(sensor())),
            ]),
        ),
        ("Rows", object(&[("rows", list(row()))])),
        ("Configuration", object(&[("source", optional("string")), ("values", values())])),
        ("DeadLetters", object(&[("total", count()), ("dead_letters", list(dead_letter()))])),
        ("History", object(&[("points", list(point()))])),
        ("Logs", object(&[("lines", list(log_line()))])),
        ("NewSavepoint", object(&[("name", text())])),
        ("Submission", submission()),
        ("Submitted", object(&[("name", text()), ("group", text())])),
        ("Start", start()),
        ("Copy", copy()),
        ("Transitions", object(&[("transitions", list(transition()))])),
        ("Alarms", object(&[("alarms", list(alarm())), ("undelivered", list(delivery()))])),
        ("Accepted", object(&[("accepted", json!({ "const": true }))])),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn words() -> Value {
    json!({ "type": "object", "additionalProperties": text() })
}

/// What a server takes as a new job: the text of a job file is enough.
fn submission() -> Value {
    let mut all = object(&[("text", text()), ("file", optional("string")), ("variables", words())]);
    all["required"] = json!(["text"]);
    all
}

/// Where a start begins: nothing of it is needed.
fn start() -> Value {
    let all = ["from_checkpoint", "from"].map(|name| (name, optional("string")));
    let mut all = object(&all);
    all["required"] = json!([]);
    all
}

fn copy() -> Value {
    let mut all =
        object(&[("name", text()), ("from_checkpoint", optional("string")), ("set", words())]);
    all["required"] = json!(["name"]);
    all
}

fn transition() -> Value {
    object(&[
        ("worker", count()),
        ("state", one_of(&STATES)),
        ("since_ms", time()),
        ("why", text()),
        ("last_error", optional("string")),
    ])
}

fn alarm() -> Value {
    object(&[
        ("job", text()),
        ("kind", text()),
        ("subject", text()),
        ("text", text()),
        ("raised_ms", time()),
        ("recovered_ms", optional("integer")),
    ])
}

fn delivery() -> Value {
    object(&[
        ("id", count()),
        ("target", text()),
        ("tries", count()),
        ("error", optional("string")),
        ("state", text()),
        ("jobs", list(text())),
    ])
}

fn overview() -> Value {
    object(&[
        ("version", text()),
        ("since_ms", time()),
        ("now_ms", time()),
        ("workers", count()),
        ("slots_total", count()),
        ("slots_available", count()),
        ("jobs", count()),
        ("jobs_running", count()),
        ("jobs_by_state", json!({ "type": "object", "additionalProperties": count() })),
    ])
}

fn worker() -> Value {
    object(&[
        ("name", text()),
        ("job", text()),
        ("host", text()),
        ("pid", count()),
        ("started_ms", time()),
        ("is_alive", flag()),
        ("slots", count()),
        ("slots_used", count()),
        ("partitions", list(count())),
        ("memory_bytes", count()),
        ("cpu_ms", count()),
    ])
}

fn job_entry() -> Value {
    object(&[
        ("name", text()),
        ("group", text()),
        ("state", one_of(&STATES)),
        ("since_ms", time()),
        ("why", text()),
        ("last_error", optional("string")),
        ("restarts", count()),
        ("alarms", object(&[("raised", count()), ("waiting", count()), ("undelivered", count())])),
        ("numbers", reference("Numbers")),
    ])
}

fn numbers() -> Value {
    let counts = object(&[
        ("read", count()),
        ("closed", count()),
        ("open", count()),
        ("late", count()),
        ("rejected", count()),
        ("windows", count()),
        ("lost_messages", count()),
        ("by_reason", json!({ "type": "object", "additionalProperties": count() })),
    ]);
    let partition = object(&[
        ("partition", count()),
        ("is_held", flag()),
        ("position", optional("integer")),
        ("end", optional("integer")),
        ("sensors", count()),
        ("open_windows", count()),
        ("counts", either(counts.clone(), null())),
    ]);
    let sink = object(&[
        ("sink", text()),
        ("rows", count()),
        ("flushes", count()),
        ("errors", count()),
        ("retries", count()),
        ("lag_rows", optional("integer")),
        ("last_error", optional("string")),
    ]);
    object(&[
        ("at_ms", time()),
        ("counts", counts),
        ("records_read", count()),
        ("rows", count()),
        ("dead_letters", count()),
        ("messages_replayed", count()),
        ("lag", count()),
        ("wait_ms", optional("integer")),
        ("event_latency_ms", optional("integer")),
        ("event_latencies", reference("Histogram")),
        ("commit_times", reference("Histogram")),
        ("commits", count()),
        ("commit_bytes", count()),
        ("checkpoints", count()),
        ("checkpoint_age_ms", count()),
        ("rebuilds", count()),
        ("sensors", count()),
        ("open_windows", count()),
        ("partitions", list(partition)),
        ("sinks", list(sink)),
        ("memory_bytes", count()),
        ("cpu_ms", count()),
    ])
}

fn histogram() -> Value {
    object(&[("bounds_s", list(number())), ("counts", list(count())), ("sum_s", number())])
}

/// As `seismic status --json` prints it; what that may add does not make it another answer.
fn status() -> Value {
    let mut schema = object(&[
        ("group", text()),
        ("topic", text()),
        ("result_topic", text()),
        ("dead_topic", text()),
        ("read", count()),
        ("closed", count()),
        ("open", count()),
        ("late", count()),
        ("rejected", count()),
        ("windows", count()),
        ("lost_messages", count()),
        ("by_reason", json!({ "type": "object", "additionalProperties": count() })),
        ("sensors", count()),
        ("open_windows", count()),
        ("lag", count()),
        ("partitions", list(json!({ "type": "object" }))),
        ("sinks", list(json!({ "type": "object" }))),
    ]);
    schema["additionalProperties"] = Value::Bool(true);
    schema
}

fn checkpoint() -> Value {
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

fn savepoint() -> Value {
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

fn sensor() -> Value {
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

fn row() -> Value {
    object(&[
        ("window_start_ms", time()),
        ("window_end_ms", time()),
        ("records", count()),
        ("min", optional("number")),
        ("avg", optional("number")),
        ("max", optional("number")),
    ])
}

/// What a job was told, by key; a value may be of any type.
fn values() -> Value {
    let one = object(&[("value", json!({})), ("source", text())]);
    json!({ "type": "object", "additionalProperties": one })
}

fn dead_letter() -> Value {
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

fn point() -> Value {
    object(&[
        ("at_ms", time()),
        ("records_per_s", number()),
        ("records_read", count()),
        ("rows", count()),
        ("dead_letters", count()),
        ("lag", count()),
        ("wait_ms", optional("integer")),
        ("event_latency_ms", optional("integer")),
        ("commit_ms", optional("number")),
        ("checkpoint_age_ms", count()),
        ("memory_bytes", count()),
        ("cpu", number()),
    ])
}

fn log_line() -> Value {
    let levels = ["error", "warn", "info", "debug", "trace"];
    object(&[
        ("time_ms", time()),
        ("level", one_of(&levels)),
        ("message", text()),
        ("worker", optional("integer")),
    ])
}

/// An object with these properties, all of them and no others.
pub fn object(properties: &[(&str, Value)]) -> Value {
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

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

fn either(one: Value, other: Value) -> Value {
    json!({ "anyOf": [one, other] })
}

fn one_of(words: &[&str]) -> Value {
    json!({ "enum": words })
}

fn optional(kind: &str) -> Value {
    json!({ "type": [kind, "null"] })
}

fn text() -> Value {
    json!({ "type": "string" })
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn number() -> Value {
    json!({ "type": "number" })
}

/// ms since 1970 UTC.
fn time() -> Value {
    json!({ "type": "integer", "description": "ms since 1970 UTC" })
}

fn null() -> Value {
    json!({ "type": "null" })
}
