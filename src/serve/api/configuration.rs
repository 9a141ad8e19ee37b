//! The configuration of a job: every value with its origin, and without secrets.

use serde_json::json;

use crate::http::{ApiError, Call, Reply};
use crate::serve::supervisor::Supervisor;

/// What the route gives, in a line.
pub const SUMMARY: &str = "Every value of the job's file and where it comes from, without secrets";

/// Answers for one job.
pub fn answer(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = call.path("name");
    let job = server.job(name).ok_or_else(|| ApiError::no_job(name))?;
    let values = job.stored.description.values();
    let values = values.map_err(|error| ApiError::conflict(error.to_string()))?;
    // Where versions are approved, there may be newer ones.
    let version = job.stored.version;
    let answer = json!({ "source": job.stored.source, "version": version, "values": values });
    Ok(Reply::Tagged(answer, version.to_string()))
}
