//! `jobs`: every job with its state.

use std::sync::Arc;

use serde_json::json;

use super::reply;
use crate::http::{Jobs, Route};

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let jobs = Arc::clone(jobs);
    vec![
        Route::get("/api/v1/jobs", "Every job, with its state and its numbers")
            .gives("Jobs")
            .handled(move |_| reply(json!({ "jobs": jobs.jobs() }))),
    ]
}
