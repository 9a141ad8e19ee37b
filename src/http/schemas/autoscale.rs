//! Schemas of the scaling of jobs.

use serde_json::{Value, json};

use super::shape::{count, either, flag, list, null, number, object, one_of, optional, text, time};

/// What runs and should run, and why.
pub(super) fn autoscale() -> Value {
    object(&[
        ("job", text()),
        ("action", one_of(&["none", "observe", "local", "command", "kubernetes"])),
        ("not_carried_out", optional("string")),
        ("one_process", optional("string")),
        ("policy", one_of(&["target", "threshold"])),
        ("interval_s", count()),
        ("workers_min", count()),
        ("workers_max", count()),
        ("slots_per_worker", count()),
        ("parallelism_min", count()),
        ("parallelism_max", count()),
        ("partitions", optional("integer")),
        ("held_by_others", count()),
        ("wanted_slots", either(list(count()), null())),
        ("last", either(scaling_decision(), null())),
        ("change", either(change(), null())),
        ("lease", either(lease(), null())),
        ("elsewhere", list(elsewhere())),
        ("acting", optional("string")),
        ("acted", either(acted(), null())),
        ("changes_of_a_day", count()),
        ("cost_s", number()),
        ("alerts", list(text())),
        ("explain", optional("string")),
        ("samples", list(sample())),
    ])
}

/// Who of several servers changes anything.
fn lease() -> Value {
    object(&[("is_held", flag()), ("holder", optional("string")), ("why_not", optional("string"))])
}

/// A decision, and what became of it.
pub(super) fn scaling_decision() -> Value {
    object(&[("line", text()), ("not_carried_out", optional("string")), ("entry", entry())])
}

/// A sample with its decision.
pub(super) fn entry() -> Value {
    object(&[
        ("at_ms", time()),
        ("workers", count()),
        ("missing", count()),
        ("parallelism", count()),
        ("records", count()),
        ("throughput", number()),
        ("cpu", number()),
        ("busy", number()),
        ("lag", number()),
        ("growth", optional("number")),
        ("event_latency_ms", optional("number")),
        ("to_workers", count()),
        ("to_parallelism", count()),
        ("is_change", flag()),
        ("is_begun", flag()),
        ("reason", text()),
        ("alerts", list(text())),
    ])
}

/// A body without anything in it.
pub(super) fn nothing() -> Value {
    json!({ "type": "object", "additionalProperties": false })
}

/// What somebody wants.
pub(super) fn scaling() -> Value {
    let mut all = object(&[("workers", optional("integer")), ("slots", optional("integer"))]);
    all["required"] = json!([]);
    all
}

/// How a job is scaled, in its entry.
pub(super) fn scaled() -> Value {
    let pair = || object(&[("running", count()), ("wanted", count())]);
    object(&[
        ("workers", pair()),
        ("parallelism", pair()),
        ("acts", flag()),
        ("holds_lease", optional("boolean")),
        ("lease_holder", optional("string")),
        ("elsewhere", list(elsewhere())),
    ])
}

/// A worker on another machine.
fn elsewhere() -> Value {
    object(&[
        ("worker", count()),
        ("name", text()),
        ("node", text()),
        ("slots", count()),
        ("state", optional("string")),
        ("silence", optional("string")),
    ])
}

/// What a command or Kubernetes has done.
fn acted() -> Value {
    object(&[
        ("line", text()),
        ("at_ms", time()),
        ("took_ms", count()),
        ("exit_code", optional("integer")),
        ("failure", optional("string")),
        ("output", text()),
    ])
}

fn change() -> Value {
    object(&[
        ("from_workers", count()),
        ("from_parallelism", count()),
        ("to_workers", count()),
        ("to_parallelism", count()),
        ("stage", one_of(&["saving", "moving", "going_back"])),
        ("since_ms", time()),
        ("savepoint", text()),
        ("why", text()),
    ])
}

fn sample() -> Value {
    object(&[
        ("at_ms", time()),
        ("throughput", number()),
        ("cpu", number()),
        ("busy", number()),
        ("lag", number()),
    ])
}
