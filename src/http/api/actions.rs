//! Actions on a job: savepoint and stop.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use super::{location_of, reply};
use crate::http::{Action, Jobs, Right, Route};

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let (of_savepoint, of_stop) = (Arc::clone(jobs), Arc::clone(jobs));
    vec![
        Route::post(
            "/api/v1/jobs/{name}/savepoints",
            "Request a checkpoint with a name; it is complete when all partitions have taken theirs",
        ).needs(Right::Operate)
        .takes("NewSavepoint")
        .gives("Accepted")
        .with_status(StatusCode::ACCEPTED)
        .handled(move |call| {
            location_of(&*of_savepoint, call)?;
            let name = call.body_text("name")?.to_owned();
            of_savepoint.act(call.path("name"), &Action::Savepoint(name))?;
            reply(json!({ "accepted": true }))
        }),
        Route::post("/api/v1/jobs/{name}/stop", "Make the last commits and end").needs(Right::Operate)
            .gives("Accepted")
            .with_status(StatusCode::ACCEPTED)
            .handled(move |call| {
                location_of(&*of_stop, call)?;
                of_stop.act(call.path("name"), &Action::Stop)?;
                reply(json!({ "accepted": true }))
            }),
    ]
}
