//! What routes of a server share: they have the supervisor to themselves while they answer.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::error::Usage;
use crate::http::{ApiError, Call, Caller, Reply};
use crate::serve::handle::Handle;
use crate::serve::rivals::Rival;
use crate::serve::supervisor::Supervisor;
use crate::serve::supervisor::circles::Circle;

/// A handler that has the supervisor to itself.
pub fn with(
    server: &Arc<Handle>,
    act: fn(&Call, &mut Supervisor) -> Result<Reply, ApiError>,
) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let server = Arc::clone(server);
    move |call| {
        let call = call.clone();
        server.ask(move |supervisor| act(&call, supervisor))?
    }
}

/// The body of a call.
///
/// # Errors
/// `bad_request` for what is none.
pub fn body<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let body = match call.body() {
        serde_json::Value::Null => json!({}),
        // A list would be taken for the fields in their order.
        serde_json::Value::Object(_) => call.body().clone(),
        _ => return Err(ApiError::bad_request("the body: write a JSON object")),
    };
    serde_json::from_value(body)
        .map_err(|error| ApiError::bad_request(format!("the body: {error}")))
}

/// It will be done.
pub fn accepted() -> Result<Reply, ApiError> {
    Ok(Reply::Json(json!({ "accepted": true })))
}

/// What somebody can correct is a conflict, all else a failure.
#[must_use]
pub fn refusal(error: &anyhow::Error) -> ApiError {
    match error.downcast_ref::<Usage>() {
        Some(usage) => ApiError::conflict(usage.to_string()),
        None => ApiError::new("failed", format!("{error:#}")),
    }
}

/// The same for a caller, who does not learn of a job that they do not reach.
#[must_use]
pub fn refusal_to(caller: &Caller, error: &anyhow::Error) -> ApiError {
    match (error.downcast_ref::<Rival>(), error.downcast_ref::<Circle>()) {
        (Some(rival), _) => ApiError::conflict(rival_told(caller, rival)),
        (None, Some(circle)) => ApiError::conflict(circle_told(caller, circle)),
        (None, None) => refusal(error),
    }
}

/// Why jobs would go in a circle, without the names of jobs that the caller does not reach.
#[must_use]
pub fn circle_told(caller: &Caller, circle: &Circle) -> String {
    match circle.others().all(|job| caller.reaches(job)) {
        true => circle.to_string(),
        false => circle.told_to_strangers(),
    }
}

/// Why a job cannot have a place, without the name of a job that the caller does not reach.
#[must_use]
pub fn rival_told(caller: &Caller, rival: &Rival) -> String {
    match caller.reaches(&rival.other) {
        true => rival.to_string(),
        false => rival.told_to_strangers(),
    }
}

/// What was asked for was not taken in, and may be asked for again.
#[must_use]
pub fn unavailable(error: &anyhow::Error) -> ApiError {
    ApiError::new("unavailable", format!("{error:#}"))
}

/// The job that the path names.
///
/// # Errors
/// `not_found` when there is none.
pub fn known(call: &Call, server: &Supervisor) -> Result<String, ApiError> {
    let name = call.path("name");
    server.job(name).map(|job| job.job_name().to_owned()).ok_or_else(|| ApiError::no_job(name))
}
