//! The audit log: each change that somebody asked for is noted, and shown.

use std::sync::Arc;

use serde_json::json;

use super::asking::refusal;
use crate::http::{ApiError, Auditor, Call, Mutation, Reply};
use crate::serve::handle::Handle;
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
    let Mutation { who, action, job, result, detail, answer } = mutation;
    let job = job.or_else(|| answer["name"].as_str().map(str::to_owned));
    let version = match (answer["version"].as_u64(), &job) {
        (Some(version), _) => Some(version),
        (None, Some(job)) => Some(server.state().newest_version(job)?).filter(|&number| number > 0),
        (None, None) => None,
    };
    let detail = detail.chars().take(DETAIL).collect();
    server.state_mut().note(&AuditEntry { id: 0, at_ms, who, action, job, version, result, detail })
}

/// Entries, the newest first.
pub fn show(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let query = AuditQuery {
        job: call.query("job").map(str::to_owned),
        who: call.query("who").map(str::to_owned),
        before: match call.number("before", 0, i64::MAX as u64)? {
            0 => None,
            before => Some(before),
        },
        most: call.number("limit", 100, SHOWN)?,
    };
    let entries = server.state().audit(&query).map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "entries": entries })))
}
