//! Versions of a job: which there are, what each says, and what differs between two.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::asking::{known, refusal};
use crate::http::{ApiError, Call, Reply};
use crate::job::JobSpec;
use crate::job::describe::difference;
use crate::job::file::keys::is_semantic;
use crate::job::file::without_secrets;
use crate::serve::state::versions::{Version, VersionHead};
use crate::serve::supervisor::Supervisor;

/// Versions that are shown at once at most.
const SHOWN: u64 = 1_000;

/// Numbers of versions end here: SQLite's are signed.
const MOST: u64 = i64::MAX as u64;

/// The versions of a job, the newest first.
pub fn list(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let most = call.number("limit", 100, SHOWN)?;
    let versions = server.state().versions(&name, most).map_err(|error| refusal(&error))?;
    let newest = newest(server, &name)?;
    let shown: Vec<Value> = versions.iter().map(|it| head(server, &name, it)).collect();
    Ok(Reply::Json(json!({ "newest": newest, "versions": shown })))
}

/// One version with the text of its file, without secrets.
pub fn one(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let number = call.number("number", newest(server, &name)?, MOST)?;
    let version = find(server, &name, number)?;
    let mut shown = head(server, &name, &version.head);
    shown["text"] = without_secrets(&version.description.text).into();
    shown["variables"] = version.description.variables.keys().cloned().collect::<Vec<_>>().into();
    Ok(Reply::Tagged(shown, number.to_string()))
}

/// What differs between two versions: what changes results apart from the rest.
pub fn diff(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let newest = newest(server, &name)?;
    let to = call.number("to", newest, MOST)?;
    let from = call.number("from", to.saturating_sub(1).max(1), MOST)?;
    let (one, other) = (find(server, &name, from)?, find(server, &name, to)?);
    let all = changes(&values(&one)?, &values(&other)?);
    let graph = difference(&name, &spec(&one)?, &spec(&other)?, &all);
    let (semantics, other_keys): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|change| change["key"].as_str().is_some_and(is_semantic));
    Ok(Reply::Json(json!({
        "from": from,
        "to": to,
        "semantics": semantics,
        "other": other_keys,
        "rules": { "from": spec(&one)?.semantics_hash(), "to": spec(&other)?.semantics_hash() },
        "graph": graph,
        "is_same_content": one.head.hash == other.head.hash,
    })))
}

/// What is known of a version of a job without its content.
pub(super) fn head(server: &Supervisor, job: &str, version: &VersionHead) -> Value {
    let VersionHead { number, at_ms, by, hash, marks, resources } = version;
    let decided = marks.decided.as_ref().map(|it| {
        json!({
            "decision": it.what.name(), "by": it.by, "at_ms": it.at_ms, "comment": it.comment,
        })
    });
    json!({
        "number": number,
        "at_ms": at_ms,
        "author": by.author,
        "is_proved": by.is_proved,
        "comment": by.comment,
        "hash": hash,
        "stage": server.stage_of(job, version).to_string(),
        "tested": marks.tested,
        "decided": decided,
        "started_ms": marks.started_ms,
        "resources": resources,
    })
}

fn newest(server: &Supervisor, name: &str) -> Result<u64, ApiError> {
    server.state().newest_version(name).map_err(|error| refusal(&error))
}

fn find(server: &Supervisor, name: &str, number: u64) -> Result<Version, ApiError> {
    let found = server.state().version(name, number).map_err(|error| refusal(&error))?;
    found.ok_or_else(|| {
        ApiError::not_found(format!(
            "job {name} has no version {number}; `seismic job versions {name}` lists them"
        ))
    })
}

/// Every value without secrets. A version that this program does not understand any more has none.
fn values(version: &Version) -> Result<Value, ApiError> {
    version.description.values().map_err(|error| not_understood(version, &error))
}

fn spec(version: &Version) -> Result<JobSpec, ApiError> {
    let resolved = version.description.resolve();
    resolved.map(|(spec, _)| spec).map_err(|error| not_understood(version, &error))
}

fn not_understood(version: &Version, error: &dyn std::fmt::Display) -> ApiError {
    ApiError::conflict(format!(
        "version {} is not understood any more: {error}",
        version.head.number
    ))
}

/// Keys of which the value differs, with both.
fn changes(from: &Value, to: &Value) -> Vec<Value> {
    let keys = |of: &Value| {
        of.as_object().into_iter().flat_map(|all| all.keys().cloned()).collect::<Vec<_>>()
    };
    let all: BTreeSet<String> = keys(from).into_iter().chain(keys(to)).collect();
    let one = |key: &String| {
        let (from, to) = (&from[key]["value"], &to[key]["value"]);
        (from != to).then(|| json!({ "key": key, "from": from, "to": to }))
    };
    all.iter().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let of = |window: &str, sink: &str| json!({ "window": { "value": window, "source": "a" }, "sink": { "value": sink } });
        let found = changes(&of("1s", "csv:a"), &of("2s", "csv:a"));
        assert_eq!(found, [json!({ "key": "window", "from": "1s", "to": "2s" })]);
        assert_eq!(changes(&of("1s", "a"), &json!({})).len(), 2);
    }
}
