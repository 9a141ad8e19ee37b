//! `jobs`: every job with its state.

use std::sync::Arc;

use serde_json::json;

use super::reply;
use crate::http::{Jobs, Right, Route};

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let jobs = Arc::clone(jobs);
    vec![
        Route::get("/api/v1/jobs", "Every job, with its state and its numbers")
            .needs(Right::Read)
            .gives("Jobs")
            .for_some_jobs()
            .handled(move |call| {
                let mut all = jobs.jobs();
                all.retain(|job| call.caller().reaches(&job.name));
                reply(json!({ "jobs": all }))
            }),
    ]
}
