//! Routes of a server: submit, start, pause, copy and delete jobs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{configuration, copy, roots};
use crate::error::Usage;
use crate::http::{ApiError, Call, Reply, Route};
use crate::serve::handle::Handle;
use crate::serve::life::Input;
use crate::serve::life::state::Standing;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};

/// Alarms that are shown.
const SHOWN: u64 = 500;

/// A job that is submitted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Submission {
    /// The job file.
    text: String,
    /// Its name, for messages.
    #[serde(default)]
    file: Option<String>,
    /// Variables that are given with it.
    #[serde(default)]
    variables: BTreeMap<String, String>,
}

/// Where a start begins.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    /// A checkpoint of the job, by number or name.
    #[serde(default)]
    from_checkpoint: Option<String>,
    /// Where a job without progress begins.
    #[serde(default)]
    from: Option<String>,
}

/// A copy of a job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// Name of the new job.
    name: String,
    /// A checkpoint of the old one, by number or name, to begin with as a fork.
    #[serde(default)]
    from_checkpoint: Option<String>,
    /// Keys of the job file that are other, with values in TOML.
    #[serde(default)]
    set: BTreeMap<String, String>,
}

/// The routes.
#[must_use]
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    let route = |method: Method, path, summary| {
        Route::new(method, path, summary).gives("Accepted").with_status(StatusCode::ACCEPTED)
    };
    let post = |path, summary| route(Method::POST, path, summary);
    vec![
        post("/api/v1/jobs", "Submit a job file: a new job, or other work for one that is stopped")
            .takes("Submission")
            .gives("Submitted")
            .with_status(StatusCode::CREATED)
            .handled(with(server, submit)),
        post("/api/v1/jobs/{name}/start", "Start a job, where it was or at a checkpoint")
            .takes("Start")
            .handled(with(server, start)),
        post(
            "/api/v1/jobs/{name}/pause",
            "Commit what was read and read nothing until it is resumed; its worker stays",
        )
        .handled(with(server, pause)),
        post("/api/v1/jobs/{name}/resume", "Read again")
            .handled(with(server, |call, server| act(call, server, Input::Resume))),
        post("/api/v1/jobs/{name}/copy", "Submit a copy under another name, also as a fork")
            .takes("Copy")
            .gives("Submitted")
            .with_status(StatusCode::CREATED)
            .handled(with(server, copy_job)),
        route(
            Method::DELETE,
            "/api/v1/jobs/{name}",
            "Forget a job that does not run; its store stays",
        )
        .handled(with(server, delete)),
        Route::get(
            "/api/v1/jobs/{name}/transitions",
            "Changes of the state of each worker of the job, the newest first",
        )
        .number("limit", "How many [default: 100]")
        .gives("Transitions")
        .handled(with(server, transitions)),
        Route::get("/api/v1/jobs/{name}/configuration", configuration::SUMMARY)
            .gives("Configuration")
            .handled(with(server, configuration::answer)),
        Route::get("/api/v1/alarms", "Alarms, raised ones first, and undelivered messages")
            .gives("Alarms")
            .handled(with(server, alarms)),
    ]
}

/// A handler that has the supervisor to itself.
fn with(
    server: &Arc<Handle>,
    act: fn(&Call, &mut Supervisor) -> Result<Reply, ApiError>,
) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let server = Arc::clone(server);
    move |call| {
        let call = call.clone();
        server.ask(move |supervisor| act(&call, supervisor))?
    }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, ApiError> {
    let body = match call.body() {
        serde_json::Value::Null => json!({}),
        // A list would be taken for the fields in their order.
        serde_json::Value::Object(_) => call.body().clone(),
        _ => return Err(ApiError::bad_request("the body: write a JSON object")),
    };
    serde_json::from_value(body)
        .map_err(|error| ApiError::bad_request(format!("the body: {error}")))
}

fn accepted() -> Result<Reply, ApiError> {
    Ok(Reply::Json(json!({ "accepted": true })))
}

/// What someone can correct is a bad request, all else a failure.
fn refusal(error: &anyhow::Error) -> ApiError {
    match error.downcast_ref::<Usage>() {
        Some(usage) => ApiError::conflict(usage.to_string()),
        None => ApiError::new("failed", format!("{error:#}")),
    }
}

fn known(call: &Call, server: &Supervisor) -> Result<String, ApiError> {
    let name = call.path("name");
    server.job(name).map(|job| job.job_name().to_owned()).ok_or_else(|| ApiError::no_job(name))
}

fn submit(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let Submission { text, file, variables } = body(call)?;
    let file = file.unwrap_or_else(|| "job.toml".to_owned());
    let description = Description { text, file, variables, ..Description::default() };
    add(server, description, Begin::default())
}

/// Takes in a job that is not from a file on disk.
fn add(server: &mut Supervisor, description: Description, begin: Begin) -> Result<Reply, ApiError> {
    let mut whole = description.clone();
    server.settings().complete(&mut whole);
    let (spec, service) =
        whole.resolve().map_err(|error| ApiError::bad_request(error.to_string()))?;
    if server.settings().jobs.is_some() {
        let why = "the job files of the server's --jobs folder are the truth: add the file there";
        return Err(ApiError::conflict(why));
    }
    let faults = roots::faults(&spec, &service, &server.settings().roots);
    if !faults.is_empty() {
        return Err(ApiError::new("forbidden", faults.join("; ")));
    }
    let name = server.name_of(&description).map_err(|error| refusal(&error))?;
    if server.has_workers(&name) {
        return Err(ApiError::conflict(format!("job {name} runs: stop it first")));
    }
    let name = server.submit(description, None, begin).map_err(|error| refusal(&error))?;
    let group = server.job(&name).map(|job| job.group().to_owned());
    Ok(Reply::Json(json!({ "name": name, "group": group })))
}

fn start(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Start { from_checkpoint, from } = body(call)?;
    let begin = Begin { from_checkpoint, from, of_store: None };
    let pending = server.job(&name).map(|job| job.stored.begin.clone()).unwrap_or_default();
    // A plain start continues where the job was; one that has not begun yet begins as its copy says.
    if begin != pending && (begin != Begin::default() || pending.of_store.is_none()) {
        server.set_begin(&name, begin).map_err(|error| refusal(&error))?;
    }
    server.ask(&name, Input::Start).map_err(|error| unavailable(&error))?;
    accepted()
}

fn act(call: &Call, server: &mut Supervisor, input: Input) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    server.ask(&name, input).map_err(|error| unavailable(&error))?;
    accepted()
}

fn pause(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    server.pause(&name).map_err(|error| unavailable(&error))?;
    accepted()
}

/// What was asked for was not taken in, and may be asked for again.
fn unavailable(error: &anyhow::Error) -> ApiError {
    ApiError::new("unavailable", format!("{error:#}"))
}

fn copy_job(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Copy { name: new, from_checkpoint, set } = body(call)?;
    let Some(job) = server.job(&name) else { return Err(ApiError::no_job(&name)) };
    if server.job(&new).is_some() {
        return Err(ApiError::conflict(format!("there is a job {new} already")));
    }
    let mut values = vec![("name".to_owned(), json!(new).to_string())];
    values.extend(set);
    let text =
        copy::with_values(&job.stored.description.text, &values).map_err(ApiError::conflict)?;
    let description = Description { text, ..job.stored.description.clone() };
    let store = job.spec.as_ref().map(|spec| spec.location().store_url().to_string());
    let of_store = store.filter(|_| from_checkpoint.is_some());
    let begin = Begin { from_checkpoint, of_store, ..Begin::default() };
    add(server, description, begin)
}

fn delete(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    if let Some(file) = server.job(&name).and_then(|job| job.stored.source.as_ref()) {
        return Err(ApiError::conflict(format!("job {name} is described by {file}: delete that")));
    }
    server.delete(&name).map_err(|error| refusal(&error))?;
    accepted()
}

fn transitions(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let most = call.number("limit", 100, 1_000)?;
    let mut all = Vec::new();
    for worker in server.workers_of(&name) {
        let of_it = server.state().transitions(worker.name(), most as usize);
        let of_it = of_it.map_err(|error| refusal(&error))?;
        all.extend(of_it.into_iter().map(|it| (worker.place(), it)));
    }
    all.sort_by_key(|(_, it)| std::cmp::Reverse(it.since_ms));
    all.truncate(most as usize);
    let shown = all.into_iter().map(|(worker, it)| {
        let Standing { state, since_ms, why, last_error } = it;
        let state = state.name();
        json!({
            "worker": worker, "state": state, "since_ms": since_ms, "why": why, "last_error": last_error,
        })
    });
    Ok(Reply::Json(json!({ "transitions": shown.collect::<Vec<_>>() })))
}

fn alarms(_call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let state = server.state();
    let alarms = state.alarms(None, SHOWN).map_err(|error| refusal(&error))?;
    let undelivered = state.undelivered(SHOWN).map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "alarms": alarms, "undelivered": undelivered })))
}
