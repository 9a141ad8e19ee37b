//! `/healthz` and `/readyz`, for orchestrators and load balancers.

use std::sync::Arc;

use super::{ApiError, Call, Jobs, Reply, Right, Route};

const TEXT: &str = "text/plain; charset=utf-8";

/// Where the process says that it answers.
pub const ALIVE: &str = "/healthz";

/// The two routes.
pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let of_ready = Arc::clone(jobs);
    vec![
        Route::get(ALIVE, "Whether the process answers")
            .open()
            .handled(|_| Ok(Reply::Text(TEXT, "alive\n".to_owned()))),
        Route::get("/readyz", "Whether every job that should run reads, and reads what is new")
            .open()
            .handled(move |call| ready(&*of_ready, call)),
    ]
}

fn ready(jobs: &dyn Jobs, call: &Call) -> Result<Reply, ApiError> {
    jobs.answers()?;
    let most_ms = jobs.ready_lag_ms();
    let wanted = |state: &str| !matches!(state, "created" | "finished" | "stopped" | "paused");
    let all = jobs.jobs();
    let is_one = all.len() == 1;
    // Of several jobs those at rest are no reason; the only one is.
    let asked = all.iter().filter(|job| is_one || wanted(&job.state));
    let not_ready: Vec<String> = asked.filter_map(|job| job.readiness(most_ms).err()).collect();
    match not_ready.is_empty() {
        true => Ok(Reply::Text(TEXT, "ready\n".to_owned())),
        // Names of jobs are not for everyone.
        false if !call.caller().may(Right::Read) || !call.caller().scope().is_all() => Err(
            ApiError::new("unavailable", "not ready; with a token, this says which job and why"),
        ),
        false => Err(ApiError::new("unavailable", not_ready.join("; "))),
    }
}
