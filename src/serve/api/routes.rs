//! Routes of a server: submit, start, pause, copy and delete jobs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::asking::{accepted, body, known, refusal, refusal_to, unavailable, with};
use super::looked::{described, described_by, with_look};
use super::submission::{Submission, add, authorship};
use super::{
    approvals, archive, audit, autoscale, configuration, copy, drafts, editor, promotion,
    resources, token_requests, tokens, trial, versions,
};
use crate::http::{ApiError, Call, Caller, Reply, Right, Route};
use crate::job::JobSpec;
use crate::serve::alarms::kind::{KINDS, Kind};
use crate::serve::handle::Handle;
use crate::serve::life::Input;
use crate::serve::life::state::Standing;
use crate::serve::state::alarms::StoredAlarm;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};

/// Alarms that are shown.
const SHOWN: u64 = 500;

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

/// The routes; files that are uploaded come into the first folder, and those of a test are in the other.
#[must_use]
pub fn routes(server: &Arc<Handle>, resources_folder: &Path, trial_folder: &Path) -> Vec<Route> {
    let route = |method: Method, path, summary| {
        Route::new(method, path, summary).gives("Accepted").with_status(StatusCode::ACCEPTED)
    };
    let post = |path, summary| route(Method::POST, path, summary);
    vec![
        post("/api/v1/jobs", "Submit a job file: a new job, or other work for one that is stopped")
            .needs(Right::Submit)
            .for_some_jobs()
            .takes("Submission")
            .gives("Submitted")
            .with_status(StatusCode::CREATED)
            .versioned()
            .handled(with_look(server, submitted_spec, submit)),
        post("/api/v1/jobs/{name}/start", "Start a job, where it was or at a checkpoint")
            .needs(Right::Operate)
            .takes("Start")
            .handled(with_look(server, known_spec, start)),
        post(
            "/api/v1/jobs/{name}/pause",
            "Commit what was read and read nothing until it is resumed; its worker stays",
        )
        .needs(Right::Operate)
        .handled(with(server, pause)),
        post("/api/v1/jobs/{name}/resume", "Read again")
            .needs(Right::Operate)
            .handled(with(server, resume)),
        post(
            "/api/v1/jobs/{name}/archive",
            "Stop a job and put it away: all of it is kept, and it is not started before it is brought back",
        )
        .needs(Right::Operate)
        .handled(with(server, archive::archive)),
        post("/api/v1/jobs/{name}/unarchive", "Bring back a job that was put away; start it then")
            .needs(Right::Operate)
            .handled(with(server, archive::unarchive)),
        post("/api/v1/jobs/{name}/copy", "Submit a copy under another name, also as a fork")
            .needs(Right::Submit)
            .takes("Copy")
            .gives("Submitted")
            .with_status(StatusCode::CREATED)
            .handled(with_look(server, copied_spec, copy_job)),
        post(
            "/api/v1/jobs/{name}/promote",
            "Submit a version to another environment of its file, where it is another instance",
        )
        .needs(Right::Submit)
        .takes("Promotion")
        .gives("Submitted")
        .with_status(StatusCode::CREATED)
        .handled(with_look(server, promotion::spec, promotion::promote)),
        route(
            Method::DELETE,
            "/api/v1/jobs/{name}",
            "Forget a job that does not run; its store stays",
        )
        .needs(Right::Operate)
        .handled(with(server, delete)),
        Route::get(
            "/api/v1/jobs/{name}/transitions",
            "Changes of the state of each worker of the job, and of the process of its sinks (worker 0), the newest first",
        )
        .needs(Right::Read)
        .number("limit", "How many [default: 100]")
        .gives("Transitions")
        .handled(with(server, transitions)),
        Route::get("/api/v1/jobs/{name}/configuration", configuration::SUMMARY)
            .needs(Right::Read)
            .gives("Configuration")
            .handled(with(server, configuration::answer)),
        Route::get("/api/v1/alarms", "Alarms, raised ones first, and undelivered messages")
            .needs(Right::Read)
            .for_some_jobs()
            .gives("Alarms")
            .handled(with(server, alarms)),
    ]
    .into_iter()
    .chain(of_versions(server))
    .chain(approvals::routes(server))
    .chain(tokens::routes(server))
    .chain(token_requests::routes(server))
    .chain(autoscale::routes(server))
    .chain(editor::routes(server))
    .chain(resources::routes(server, resources_folder))
    .chain(trial::routes(server, trial_folder))
    .collect()
}

/// Versions, drafts and the audit log.
fn of_versions(server: &Arc<Handle>) -> Vec<Route> {
    const DRAFT: &str = "/api/v1/jobs/{name}/draft";
    vec![
        Route::get("/api/v1/jobs/{name}/versions", "Versions of the job, the newest first")
            .needs(Right::Read)
            .number("limit", "How many [default: 100]")
            .gives("Versions")
            .handled(with(server, versions::list)),
        Route::get("/api/v1/jobs/{name}/version", "One version with its file, without secrets")
            .needs(Right::Read)
            .number("number", "Which one [default: the newest]")
            .gives("Version")
            .handled(with(server, versions::one)),
        Route::get(
            "/api/v1/jobs/{name}/diff",
            "What differs between two versions: what changes results apart from the rest",
        )
        .needs(Right::Read)
        .number("from", "The older one [default: the one before]")
        .number("to", "The newer one [default: the newest]")
        .gives("VersionDiff")
        .handled(with(server, versions::diff)),
        Route::get(DRAFT, "The draft of the job, without secrets; null without one")
            .needs(Right::Read)
            .gives("Draft")
            .handled(with(server, drafts::show)),
        Route::new(Method::PUT, DRAFT, "Save a draft; it is no version, and may be wrong")
            .needs(Right::Submit)
            .takes("NewDraft")
            .gives("SavedDraft")
            .versioned()
            .handled(with(server, drafts::save)),
        Route::new(Method::DELETE, DRAFT, "Forget the draft of the job")
            .needs(Right::Submit)
            .gives("Accepted")
            .with_status(StatusCode::ACCEPTED)
            .versioned()
            .handled(with(server, drafts::discard)),
        Route::post("/api/v1/jobs/{name}/draft/submit", "Make a version of the draft")
            .needs(Right::Submit)
            .takes("Comment")
            .gives("Submitted")
            .with_status(StatusCode::CREATED)
            .versioned()
            .handled(with_look(server, drafts::spec, drafts::submit)),
        Route::get("/api/v1/audit", "Who had what done, the newest first")
            .needs(Right::Read)
            .for_some_jobs()
            .text("job", "Only of this job")
            .text("who", "Only of this person")
            .number("before", "Only before the entry of this number")
            .number("limit", "How many [default: 100]")
            .gives("AuditLog")
            .handled(audit::show(server)),
    ]
}

fn submit(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let (description, by) = body::<Submission>(call)?.into_parts(call)?;
    add(call, server, description, Begin::default(), &by)
}

fn submitted_spec(call: &Call, server: &mut Supervisor) -> Option<JobSpec> {
    let (description, _) = body::<Submission>(call).ok()?.into_parts(call).ok()?;
    described_by(call.caller(), &description, server)
}

/// What a start would begin with.
fn known_spec(call: &Call, server: &mut Supervisor) -> Option<JobSpec> {
    let name = known(call, server).ok()?;
    match server.approved_to_take(&name).ok()? {
        Some((_, description)) => described(&description, server),
        None => server.job(&name)?.spec.clone(),
    }
}

fn copied_spec(call: &Call, server: &mut Supervisor) -> Option<JobSpec> {
    let (description, ..) = copied(call, server).ok()?;
    described_by(call.caller(), &description, server)
}

fn start(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    archive::check(&name, server)?;
    let Start { from_checkpoint, from } = body(call)?;
    server.take_approved(&name).map_err(|error| refusal_to(call.caller(), &error))?;
    let begin = Begin { from_checkpoint, from, of_store: None };
    let pending = server.job(&name).map(|job| job.stored.begin.clone()).unwrap_or_default();
    // A plain start continues where the job was; one that has not begun yet begins as its copy
    // says.
    if begin != pending && (begin != Begin::default() || pending.of_store.is_none()) {
        server.set_begin(&name, begin).map_err(|error| refusal(&error))?;
    }
    server.ask(&name, Input::Start).map_err(|error| unavailable(&error))?;
    accepted()
}

fn resume(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    archive::check(&name, server)?;
    server.ask(&name, Input::Resume).map_err(|error| unavailable(&error))?;
    accepted()
}

fn pause(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    server.pause(&name).map_err(|error| unavailable(&error))?;
    accepted()
}

/// What a call that copies a job describes, where it begins, and the job that is copied.
fn copied(call: &Call, server: &Supervisor) -> Result<(Description, Begin, String), ApiError> {
    let name = known(call, server)?;
    let Copy { name: new, from_checkpoint, set } = body(call)?;
    let Some(job) = server.job(&name) else { return Err(ApiError::no_job(&name)) };
    call.caller().check_reach(&new)?;
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
    Ok((description, begin, name))
}

fn copy_job(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let (description, begin, name) = copied(call, server)?;
    let by = authorship(call, Some(format!("copy of {name}")))?;
    // What the call is to change is the copy, which is new.
    let of_copy = call.clone().at(None);
    add(&of_copy, server, description, begin, &by)
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
    for worker in server.processes_of(&name) {
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

fn alarms(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let (state, caller) = (server.state(), call.caller());
    let mut alarms = state.alarms(None, SHOWN).map_err(|error| refusal(&error))?;
    alarms.retain(|alarm| caller.reaches(&alarm.job));
    for alarm in &mut alarms {
        hide_rows(server, caller, alarm);
    }
    let mut undelivered = state.undelivered(SHOWN).map_err(|error| refusal(&error))?;
    // One message may be about several jobs.
    undelivered
        .retain(|it| caller.scope().is_all() || it.jobs.iter().all(|job| caller.reaches(job)));
    Ok(Reply::Json(json!({ "alarms": alarms, "undelivered": undelivered })))
}

/// Takes out of an alarm what it tells of rows and records of topics that the caller may not read.
fn hide_rows(server: &Supervisor, caller: &Caller, alarm: &mut StoredAlarm) {
    if caller.topics().select.is_all() {
        return;
    }
    let job = alarm.job.split('/').next().unwrap_or_default();
    let spec = server.job(job).and_then(|job| job.spec.as_ref());
    let topic = match KINDS.iter().find(|(_, name)| *name == alarm.kind).map(|(kind, _)| kind) {
        // Its subject begins with the topic.
        Some(Kind::Rows) => alarm.subject.split(' ').next(),
        Some(Kind::SensorNoData) => spec.map(|spec| &*spec.result_topic),
        Some(Kind::ClockOffset) => spec.map(|spec| &*spec.topic),
        _ => return,
    };
    // Of a job that is gone it is not known.
    let refused = caller.check_select(topic.unwrap_or_default()).err();
    if let Some(error) = refused {
        alarm.subject = String::new();
        alarm.text = format!("not shown: {}", error.message);
    }
}
