//! The newest lines of a job's log.

use std::sync::Arc;

use serde_json::json;

use super::{location_of, may_select, reply};
use crate::http::{Jobs, Right, Route, limits};

pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let jobs = Arc::clone(jobs);
    vec![
        Route::get("/api/v1/jobs/{name}/logs", "The newest lines of the job's log, oldest first")
            .needs(Right::Read)
            .number("lines", "How many lines to give, at most 1000 [default: 100]")
            .gives("Logs")
            .handled(move |call| {
                let lines = call.number("lines", 100, limits::PAGE as u64)? as usize;
                location_of(&*jobs, call)?;
                let mut all = jobs.logs(call.path("name"), lines);
                // A console prints rows.
                if !may_select(&*jobs, call, |topics| topics.result.as_str()) {
                    all.retain(|line| !line.is_printed);
                }
                reply(json!({ "lines": all }))
            }),
    ]
}
