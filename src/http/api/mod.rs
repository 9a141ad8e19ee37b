//! `/api/v1`: one file for each resource.

mod actions;
mod checkpoints;
mod dead_letters;
mod events;
mod history;
mod job_list;
mod job_status;
mod logs;
mod overview;
mod rows;
mod sensors;
mod whoami;

use std::sync::Arc;

use serde::Serialize;

use super::{ApiError, Call, JobTopics, Jobs, Reply, Route, metrics, openapi, probes};
use crate::job::location::Location;

/// Every route of these jobs: probes, metrics and the API, with its description.
#[must_use]
pub fn routes(jobs: &Arc<dyn Jobs>) -> Vec<Route> {
    let mut all = probes::routes(jobs);
    all.push(metrics::route(jobs));
    all.extend(overview::routes(jobs));
    all.extend(job_list::routes(jobs));
    all.extend(job_status::routes(jobs));
    all.extend(checkpoints::routes(jobs));
    all.extend(sensors::routes(jobs));
    all.extend(rows::routes(jobs));
    all.extend(dead_letters::routes(jobs));
    all.extend(history::routes(jobs));
    all.extend(events::routes(jobs));
    all.extend(logs::routes(jobs));
    all.extend(actions::routes(jobs));
    all.push(whoami::route());
    all.push(openapi::route());
    all
}

/// What can be written as JSON, as an answer.
fn reply(value: impl Serialize) -> Result<Reply, ApiError> {
    let written = serde_json::to_value(value);
    written.map(Reply::Json).map_err(|error| ApiError::new("failed", error.to_string()))
}

/// The same for whoever may read this topic of the job.
fn location_with(
    jobs: &dyn Jobs,
    call: &Call,
    topic: fn(&JobTopics) -> &str,
) -> Result<Location, ApiError> {
    if let Some(topics) = jobs.topics(call.path("name")) {
        call.caller().check_select(topic(&topics))?;
    }
    location_of(jobs, call)
}

/// Whether the caller may read this topic of the job.
fn may_select(jobs: &dyn Jobs, call: &Call, topic: fn(&JobTopics) -> &str) -> bool {
    let topics = jobs.topics(call.path("name"));
    topics.is_none_or(|topics| call.caller().check_select(topic(&topics)).is_ok())
}

/// Where the job of a call keeps its state.
fn location_of(jobs: &dyn Jobs, call: &Call) -> Result<Location, ApiError> {
    let name = call.path("name");
    jobs.location(name).ok_or_else(|| ApiError::no_job(name))
}
