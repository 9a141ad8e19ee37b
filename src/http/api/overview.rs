//! `overview` and `workers`.

use std::sync::Arc;

use serde_json::json;

use super::reply;
use crate::http::model::Overview;
use crate::http::{Jobs, Right, Route};
use crate::time::now_ms;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let (of_overview, of_workers) = (Arc::clone(jobs), Arc::clone(jobs));
    vec![
        Route::get("/api/v1/overview", "Workers, slots and jobs in a few numbers")
            .needs(Right::Read)
            .gives("Overview")
            .for_some_jobs()
            .handled(move |call| {
                let (mut jobs, mut workers) = (of_overview.jobs(), of_overview.workers());
                jobs.retain(|job| call.caller().reaches(&job.name));
                workers.retain(|worker| call.caller().reaches(&worker.job));
                reply(Overview::of(&jobs, &workers, of_overview.since_ms(), now_ms()))
            }),
        Route::get("/api/v1/workers", "The processes that work on jobs")
            .needs(Right::Read)
            .gives("Workers")
            .for_some_jobs()
            .handled(move |call| {
                let mut workers = of_workers.workers();
                workers.retain(|worker| call.caller().reaches(&worker.job));
                reply(json!({ "workers": workers }))
            }),
    ]
}
