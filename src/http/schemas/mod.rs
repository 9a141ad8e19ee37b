//! JSON Schemas of requests and responses of the API.

mod autoscale;
mod editor;
mod resources;
mod served;
mod shape;
mod stored;
mod tokens;
mod trial;
mod versions;

use serde_json::{Map, Value, json};

use self::autoscale::{autoscale, entry, nothing, scaled, scaling, scaling_decision};
use self::editor::{check, checked, graph, new_draft};
use self::resources::{resource, resources};
use self::served::{alarm, copy, delivery, log_line, promotion, start, submission, transition};
use self::shape::{
    count, either, flag, list, null, number, object, one_of, optional, reference, text, time,
};
use self::stored::{checkpoint, dead_letter, row, savepoint, sensor, values};
use self::tokens::{
    granted_token_request, new_token, new_token_request, token, token_request, who_am_i,
};
use self::trial::{trial, trial_report};
use self::versions::{
    approvals, audit_entry, decided_version, decision, draft, optional_object, test_result,
    version, version_diff, version_whole,
};
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
        (
            "Configuration",
            object(&[("source", optional("string")), ("version", count()), ("values", values())]),
        ),
        ("DeadLetters", object(&[("total", count()), ("dead_letters", list(dead_letter()))])),
        ("History", object(&[("points", list(point()))])),
        ("Logs", object(&[("lines", list(log_line()))])),
        ("NewSavepoint", object(&[("name", text())])),
        ("Submission", submission()),
        (
            "Submitted",
            object(&[
                ("name", text()),
                ("group", text()),
                ("version", count()),
                ("is_new_version", flag()),
                ("warnings", list(text())),
            ]),
        ),
        ("Versions", object(&[("newest", count()), ("versions", list(version()))])),
        ("Version", version_whole()),
        ("VersionDiff", version_diff()),
        ("Approvals", approvals()),
        ("Decision", decision()),
        ("Decided", decided_version()),
        ("TestResult", test_result()),
        ("NewDraft", new_draft()),
        ("JobSchema", json!({ "type": "object", "required": ["properties"] })),
        ("Check", check()),
        ("Checked", checked()),
        ("Trial", trial()),
        ("TrialReport", trial_report()),
        ("Graph", graph()),
        ("Draft", object(&[("draft", either(draft(), null()))])),
        ("SavedDraft", object(&[("revision", count()), ("faults", list(text()))])),
        ("Comment", optional_object(&[("comment", optional("string"))])),
        ("AuditLog", object(&[("entries", list(audit_entry()))])),
        ("Start", start()),
        ("Copy", copy()),
        ("Promotion", promotion()),
        ("Transitions", object(&[("transitions", list(transition()))])),
        ("Alarms", object(&[("alarms", list(alarm())), ("undelivered", list(delivery()))])),
        ("Resource", resource()),
        ("Resources", resources()),
        ("Autoscale", autoscale()),
        ("ScalingDecision", scaling_decision()),
        ("AutoscaleHistory", object(&[("entries", list(entry()))])),
        ("Scaling", scaling()),
        ("Nothing", nothing()),
        ("Accepted", object(&[("accepted", json!({ "const": true }))])),
        ("NewToken", new_token()),
        ("Token", token()),
        ("Tokens", object(&[("tokens", list(reference("Token")))])),
        ("CreatedToken", object(&[("created", reference("Token")), ("token", text())])),
        ("NewTokenRequest", new_token_request()),
        ("TokenRequest", token_request()),
        ("TokenRequests", object(&[("requests", list(reference("TokenRequest")))])),
        (
            "CreatedTokenRequest",
            object(&[("request", reference("TokenRequest")), ("token", text())]),
        ),
        ("DecidedTokenRequest", object(&[("about", reference("TokenRequest"))])),
        ("GrantedTokenRequest", granted_token_request()),
        ("RefusedTokenRequest", object(&[("comment", text())])),
        ("WhoAmI", who_am_i()),
    ];
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
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
        ("is_archived", flag()),
        ("alarms", object(&[("raised", count()), ("waiting", count()), ("undelivered", count())])),
        ("numbers", reference("Numbers")),
        ("scaling", either(scaled(), null())),
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
        ("rollup_rows", list(count())),
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
    let table = object(&[
        ("table", text()),
        ("source", text()),
        ("version", text()),
        ("rows", count()),
        ("read_ms", time()),
        ("checked_ms", time()),
        ("stale_since_ms", optional("integer")),
        ("waits", flag()),
        ("error", optional("string")),
        ("failures", count()),
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
        ("tables", list(table)),
        ("memory_bytes", count()),
        ("cpu_ms", count()),
        ("waited_ms", optional("integer")),
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
