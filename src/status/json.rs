//! The status of a job as JSON, for programs.

use serde_json::Value;

use super::model::JobStatus;

/// The status, with its keys in order.
///
/// # Errors
/// None for a status that was made by [`JobStatus::new`].
pub fn json(status: &JobStatus) -> serde_json::Result<Value> {
    serde_json::to_value(status)
}
