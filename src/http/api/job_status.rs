//! `jobs/{name}` and its status: the same numbers as `seismic status --json`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{location_of, may_select, reply};
use crate::http::cached::CachedByJob;
use crate::http::{ApiError, Call, Jobs, Right, Route, limits};
use crate::remedy::in_one_line;
use crate::status;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let read = Arc::new(CachedByJob::new(limits::STATUS_SHARED));
    let (of_job, of_status) = ((Arc::clone(jobs), Arc::clone(&read)), (Arc::clone(jobs), read));
    vec![
        Route::get("/api/v1/jobs/{name}", "One job, with its state, its numbers and its status")
            .needs(Right::Read)
            .gives("Job")
            .handled(move |call| {
                let (jobs, read) = &of_job;
                let name = call.path("name");
                let found = jobs.jobs().into_iter().find(|job| job.name == name);
                let job = found.ok_or_else(|| ApiError::no_job(name))?;
                // A job that has not begun has no status yet, and is there all the same.
                let (status, error) = match status_for(&**jobs, read, call) {
                    Ok(status) => (status, None),
                    Err(error) => (Value::Null, Some(error)),
                };
                reply(json!({ "job": job, "status": status, "status_error": error }))
            }),
        Route::get(
            "/api/v1/jobs/{name}/status",
            "What the job's store and queue say of it, as `seismic status --json`",
        )
        .needs(Right::Read)
        .gives("Status")
        .handled(move |call| {
            let (jobs, read) = &of_status;
            location_of(&**jobs, call)?;
            let status = status_for(&**jobs, read, call);
            reply(status.map_err(|error| ApiError::new("unavailable", error))?)
        }),
    ]
}

/// Lists in a status that name sensors, which are read from records.
const OF_SENSORS: [&str; 4] = ["spread", "moved", "irregular_clocks", "rejecting"];

/// The status as the caller may see it: who may not read the input learns of no sensor.
fn status_for(jobs: &dyn Jobs, read: &CachedByJob<Value>, call: &Call) -> Result<Value, String> {
    let mut status = status_of(jobs, read, call.path("name"))?;
    if !may_select(jobs, call, |topics| topics.input.as_str()) {
        for list in OF_SENSORS {
            status[list] = json!([]);
        }
    }
    Ok(status)
}

fn status_of(jobs: &dyn Jobs, read: &CachedByJob<Value>, name: &str) -> Result<Value, String> {
    read.of(name).get(|| {
        let Some(location) = jobs.location(name) else {
            return Err("the job does not say where its store is".to_owned());
        };
        let status = status::read(&location, None).map_err(|error| in_one_line(&error))?;
        status::json::json(&status).map_err(|error| error.to_string())
    })
}
