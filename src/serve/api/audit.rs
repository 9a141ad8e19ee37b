//! The audit log: each change that somebody asked for is noted, and shown.

use std::sync::Arc;

use seismic_proto::Shown;
use serde_json::json;

use super::asking::refusal;
use crate::http::{ApiError, Auditor, Call, Mutation, Reply};
use crate::serve::handle::Handle;
use crate::serve::limits;
use crate::serve::state::audit::{AuditEntry, AuditQuery};
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

/// Entries that are shown at once at most.
const SHOWN: u64 = 1_000;

/// Characters of a detail that are kept.
const DETAIL: usize = 1_000;

/// Notes changes in the state of the server.
pub struct StateAuditor(pub Arc<Handle>);

impl Auditor for StateAuditor {
    fn note(&self, mutation: Mutation) {
        let at_ms = now_ms();
        let noted = self.0.ask(move |server| note(server, mutation, at_ms));
        match noted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the audit log cannot be written: {error:#}"),
            Err(error) => tracing::error!("the audit log cannot be written: {}", error.message),
        }
    }
}

fn note(server: &mut Supervisor, mutation: Mutation, at_ms: i64) -> anyhow::Result<()> {
    let entry = entry_of(mutation, at_ms, |job| match server.job(job) {
        Some(job) => Ok(job.stored.version),
        None => server.state().newest_version(job),
    })?;
    server.state_mut().note(&entry)
}

/// What is noted. What a request says is one line, and not longer than it may be.
fn entry_of(
    mutation: Mutation,
    at_ms: i64,
    version_of: impl FnOnce(&str) -> anyhow::Result<u64>,
) -> anyhow::Result<AuditEntry> {
    let Mutation { who, is_proved, action, job, result, detail, answer, by_guard } = mutation;
    let job = job.or_else(|| answer["name"].as_str().map(str::to_owned));
    let version = match (answer["version"].as_u64(), &job) {
        (Some(version), _) => Some(version),
        (None, Some(job)) => Some(version_of(job)?).filter(|&number| number > 0),
        (None, None) => None,
    };
    let job = job.map(|job| in_one_line(&job, limits::AUDIT_JOB));
    let (action, detail) = (in_one_line(&action, DETAIL), in_one_line(&detail, DETAIL));
    Ok(AuditEntry { id: 0, at_ms, who, is_proved, action, job, version, result, detail, by_guard })
}

/// The beginning of a text, with control characters as escapes.
fn in_one_line(text: &str, most: usize) -> String {
    let begin: String = text.chars().take(most).collect();
    Shown(&begin).to_string().chars().take(most).collect()
}

/// Entries, the newest first: read by a connection of their own, beside the server's loop.
pub fn show(
    server: &Arc<Handle>,
) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let server = Arc::clone(server);
    move |call| {
        let query = AuditQuery {
            job: call.query("job").map(str::to_owned),
            who: call.query("who").map(str::to_owned),
            before: match call.number("before", 0, i64::MAX as u64)? {
                0 => None,
                before => Some(before),
            },
            most: call.number("limit", 100, SHOWN)?,
        };
        let connected = server.ask(|server| server.state().connect())?;
        let caller = call.caller();
        // What is about no job may be about all of them.
        let is_shown = |entry: &AuditEntry| {
            caller.scope().is_all() || entry.job.as_ref().is_some_and(|job| caller.reaches(job))
        };
        let entries = connected.and_then(|db| query.entries(&db, is_shown));
        Ok(Reply::Json(json!({ "entries": entries.map_err(|error| refusal(&error))? })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_request_says_is_one_line_of_bounded_length() {
        let mutation = Mutation {
            action: "start".to_owned(),
            job: Some(format!("a\n{}", "x".repeat(5_000))),
            detail: format!("why\nforged\u{1b}[2K{}", "y".repeat(5_000)),
            ..Mutation::default()
        };
        let entry = entry_of(mutation, 7, |_| Ok(0)).unwrap();
        let job = entry.job.unwrap();
        assert!(job.starts_with("a\\nxx") && job.chars().count() == limits::AUDIT_JOB, "{job}");
        assert!(entry.detail.starts_with("why\\nforged\\u{1b}[2K"), "{}", entry.detail);
        assert!(entry.detail.chars().count() == DETAIL);
        assert_eq!(entry.version, None);
    }
}
