//! Routes about the scaling of jobs: what was measured and decided, and a decision now.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::asking::{accepted, body, known, refusal, with};
use crate::http::{ApiError, Call, Reply, Right, Route};
use crate::serve::handle::Handle;
use crate::serve::supervisor::Supervisor;
use crate::serve::workers::elastic::entry::Entry;
use crate::serve::workers::elastic::{asked, shown};
use crate::time::now_ms;

/// Most samples of one answer.
const MOST: u64 = 20_000;

/// A call that takes no body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// What somebody wants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scaling {
    /// How many workers; without, as many as now.
    #[serde(default)]
    workers: Option<u32>,
    /// Slots of each; without, as many as now.
    #[serde(default)]
    slots: Option<u32>,
}

/// The routes.
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    const HISTORY: &str = "/api/v1/jobs/{name}/autoscale/history";
    vec![
        Route::get(
            "/api/v1/jobs/{name}/autoscale",
            "Workers and slots that the job has and should have, and why the last decision fell as it did",
        )
        .needs(Right::Read)
        .gives("Autoscale")
        .handled(with(server, show)),
        Route::post(
            "/api/v1/jobs/{name}/autoscale",
            "Take a sample and decide now, and begin the change that follows",
        )
        .needs(Right::Operate)
        .takes("Nothing")
        .gives("ScalingDecision")
        .handled(with(server, decide)),
        Route::post(
            "/api/v1/jobs/{name}/scale",
            "Begin a change to so many workers or slots, within the limits of [elastic]; a savepoint comes first",
        )
        .needs(Right::Operate)
        .takes("Scaling")
        .gives("Accepted")
        .with_status(StatusCode::ACCEPTED)
        .handled(with(server, scale)),
        Route::get(HISTORY, "Samples with their decisions, the oldest first")
            .needs(Right::Read)
            .number("from_ms", "Only from this time on, ms since 1970 UTC [default: 0]")
            .number("limit", "How many of the newest [default: 720]")
            .gives("AutoscaleHistory")
            .handled(with(server, history)),
        Route::new(Method::DELETE, HISTORY, "Forget samples and their decisions")
            .needs(Right::Operate)
            .gives("Accepted")
            .with_status(StatusCode::ACCEPTED)
            .handled(with(server, reset)),
    ]
}

fn show(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let not_scaled = || ApiError::conflict(asked::not_scaled(&name));
    let job = server.job(&name).ok_or_else(|| ApiError::no_job(&name))?;
    let scaler = server.scalers().jobs.get(&name).ok_or_else(not_scaled)?;
    let spec = job.spec.as_ref().ok_or_else(not_scaled)?;
    let shown = shown::status(&name, (spec, &job.service), scaler, now_ms());
    shown.map(Reply::Json).map_err(ApiError::conflict)
}

fn decide(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Nothing {} = body(call)?;
    let taken = server.scale_now(&name).map_err(|error| refusal(&error))?;
    Ok(Reply::Json(shown::taken(&taken)))
}

fn scale(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Scaling { workers, slots } = body(call)?;
    if workers.is_none() && slots.is_none() {
        return Err(ApiError::bad_request(
            "write workers, slots or both: nothing is to be changed",
        ));
    }
    server.scale_to(&name, workers, slots).map_err(|error| refusal(&error))?;
    accepted()
}

fn history(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let from_ms = call.number("from_ms", 0, u64::MAX >> 1)?;
    let most = call.number("limit", 720, MOST)?;
    let from_ms = i64::try_from(from_ms).unwrap_or(i64::MAX);
    let entries = server.state().elastic_history::<Entry>(&name, from_ms, most);
    let entries = entries.map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "entries": entries })))
}

fn reset(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    server.reset_scaling_history(&name).map_err(|error| refusal(&error))?;
    accepted()
}
