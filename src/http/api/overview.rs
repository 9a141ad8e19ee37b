//! `overview` and `workers`.

use std::sync::Arc;

use serde_json::json;

use super::reply;
use crate::http::model::Overview;
use crate::http::{Jobs, Route};
use crate::time::now_ms;

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let (of_overview, of_workers) = (Arc::clone(jobs), Arc::clone(jobs));
    vec![
        Route::get("/api/v1/overview", "Workers, slots and jobs in a few numbers")
            .gives("Overview")
            .handled(move |_| {
                let (jobs, workers) = (of_overview.jobs(), of_overview.workers());
                reply(Overview::of(&jobs, &workers, of_overview.since_ms(), now_ms()))
            }),
        Route::get("/api/v1/workers", "The processes that work on jobs")
            .gives("Workers")
            .handled(move |_| reply(json!({ "workers": of_workers.workers() }))),
    ]
}
