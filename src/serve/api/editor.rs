//! What an editor of jobs asks: which keys a job file may have, what is wrong with one so far, and how
//! the jobs are connected.
//!
//! Whoever changes a job does not see its secrets. So changes of a file are made here, in the text
//! that is stored, and only shown without them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::{body, circle_told, refusal, rival_told, with};
use super::resources::rights as resource_rights;
use super::{roots, topic_rights};
use crate::http::{ApiError, Call, Reply, Right, Route};
use crate::job::describe::{graph, schema};
use crate::job::file::edit::{self, Edit, edited};
use crate::job::file::pinned::PinnedResources;
use crate::job::file::{envs, without_secrets};
use crate::serve::alarms::webhook_hosts::WebhookHosts;
use crate::serve::handle::Handle;
use crate::serve::state::drafts::Draft;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::Description;

/// A job file that is looked at, and is not kept.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its text. Without one, and without a job, it is empty.
    #[serde(default)]
    pub text: Option<String>,
    /// The job whose draft, or else newest version, it is.
    #[serde(default)]
    pub job: Option<String>,
    /// What is changed in it first.
    #[serde(default)]
    pub set: Vec<Edit>,
    /// Variables that are given with the text.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    /// The environment that counts; without one, all that the file has.
    #[serde(default)]
    pub env: Option<String>,
}

/// What changes of a job begin from.
pub struct Base {
    /// Its draft, or else its newest version.
    pub description: Description,
    /// How it is named in `If-Match`.
    pub tag: String,
    /// Whether it is a draft.
    pub is_draft: bool,
}

/// The routes.
#[must_use]
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    let schema = schema();
    vec![
        Route::get("/api/v1/schema", "The JSON Schema of job files, as `seismic job schema`")
            .needs(Right::Read)
            .for_some_jobs()
            .gives("JobSchema")
            .handled(move |_| Ok(Reply::Json(schema.clone()))),
        Route::get("/api/v1/graph", "What each job reads and writes, as nodes and edges")
            .needs(Right::Read)
            .for_some_jobs()
            .gives("Graph")
            .handled(with(server, graphs)),
        Route::post(
            "/api/v1/check",
            "What is wrong with a job file, or with a job that is changed; nothing is kept",
        )
        .needs(Right::Submit)
        .for_some_jobs()
        .only_looks()
        .takes("Check")
        .gives("Checked")
        .handled(with(server, check)),
    ]
}

/// The draft of a job, or its newest version.
///
/// # Errors
/// Those of the state.
pub fn base(server: &Supervisor, name: &str, draft: Option<&Draft>) -> Result<Base, ApiError> {
    if let Some(draft) = draft {
        let description = draft.description.clone();
        return Ok(Base { description, tag: format!("draft-{}", draft.revision), is_draft: true });
    }
    let failed = |error| refusal(&error);
    let newest = server.state().newest_version(name).map_err(failed)?;
    let version = server.state().version(name, newest).map_err(failed)?;
    let version = version.ok_or_else(|| ApiError::no_job(name))?;
    // What is changed is submitted with what its resources are then.
    let resources = PinnedResources::default();
    let description = Description { resources, ..version.description };
    Ok(Base { description, tag: newest.to_string(), is_draft: false })
}

/// The same with changes of its text.
///
/// # Errors
/// `bad_request` for changes that cannot be made.
pub fn changed(description: Description, set: &[Edit]) -> Result<Description, ApiError> {
    let text = edited(&description.text, set).map_err(ApiError::bad_request)?;
    Ok(Description { text, ..description })
}

fn graphs(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let theirs = server.jobs().filter(|job| call.caller().reaches(job.name()));
    let all = theirs.filter_map(|job| Some(graph(job.name(), job.spec.as_ref()?)));
    Ok(Reply::Json(json!({ "jobs": all.collect::<Vec<_>>() })))
}

fn check(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let check: Check = body(call)?;
    let job = check.job.clone();
    let (described, base) = described(call, server, check)?;
    let tag = base.as_ref().map(|base| base.tag.clone());
    let is_draft = base.as_ref().is_some_and(|base| base.is_draft);
    // What they have sent themselves they know.
    let shown = match job {
        Some(_) => without_secrets(&described.text),
        None => described.text.clone(),
    };
    let Found { name, topics, faults } = look(call, server, &described, job.as_deref());
    Ok(Reply::Json(json!({
        "base": tag,
        "is_draft": is_draft,
        "name": name,
        "values": edit::values(&shown),
        "topics": topics,
        "text": shown,
        "faults": faults,
    })))
}

/// What a check is of, with its changes, and what these began from.
fn described(
    call: &Call,
    server: &Supervisor,
    check: Check,
) -> Result<(Description, Option<Base>), ApiError> {
    let Check { text, job, set, variables, env } = check;
    let base = job.map(|name| of_job(call, server, &name)).transpose()?;
    let described = match &base {
        Some(base) => base.description.clone(),
        None => {
            let (text, file) = (text.unwrap_or_default(), "job.toml".to_owned());
            Description { text, file, variables, env, ..Description::default() }
        }
    };
    Ok((changed(described, &set)?, base))
}

/// The same with all that the server has for jobs, and why it could not be submitted.
///
/// # Errors
/// For a job that there is not, and changes that cannot be made.
pub fn described_to_check(
    call: &Call,
    server: &Supervisor,
    check: Check,
) -> Result<(Description, Vec<String>), ApiError> {
    let job = check.job.clone();
    let (mut described, _) = described(call, server, check)?;
    let Found { faults, .. } = look(call, server, &described, job.as_deref());
    server.settings().complete(&mut described);
    Ok((described, faults))
}

fn of_job(call: &Call, server: &Supervisor, name: &str) -> Result<Base, ApiError> {
    call.caller().check_reach(name)?;
    let known = server.job(name).map(|job| job.job_name().to_owned());
    let name = known.ok_or_else(|| ApiError::no_job(name))?;
    let draft = server.state().draft(&name).map_err(|error| refusal(&error))?;
    base(server, &name, draft.as_ref())
}

/// What is known of a job file.
#[derive(Default)]
struct Found {
    /// The name of the job, where it is understood.
    name: Option<String>,
    /// What it reads and writes, also where its file leaves that open.
    topics: Option<Value>,
    /// Why it could not be submitted, in each of its environments.
    faults: Vec<String>,
}

fn look(call: &Call, server: &Supervisor, description: &Description, job: Option<&str>) -> Found {
    let envs: Vec<Option<String>> = match &description.env {
        Some(_) => vec![description.env.clone()],
        None => match envs::names(&description.text) {
            names if names.is_empty() => vec![None],
            names => names.into_iter().map(Some).collect(),
        },
    };
    let mut found = Found::default();
    let all = &mut found.faults;
    for env in envs {
        let mut whole = Description { env, ..description.clone() };
        server.settings().complete(&mut whole);
        let (spec, service) = match whole.resolve() {
            Ok(found) => found,
            Err(error) => {
                all.extend(error.to_string().lines().map(|line| line.trim().to_owned()));
                continue;
            }
        };
        let name = service.name.as_ref().map_or(spec.group.clone(), ToString::to_string);
        if whole.env == description.env {
            found.name = Some(name.clone());
            found.topics = Some(json!({
                "queue": seismic_sinks::without_password(&spec.queue.to_string()),
                "topic": spec.topic,
                "result_topic": spec.result_topic,
            }));
            if let Some(job) = job.filter(|job| **job != *name) {
                all.push(format!("name: it is {name}, and this is job {job}"));
            }
        }
        let rerun = whole.rerun;
        let rival = server.rival_of(&name, &spec, &service, rerun);
        all.extend(rival.map(|rival| rival_told(call.caller(), &rival)));
        let circle = server.circle_of(&name, &spec);
        all.extend(circle.map(|circle| circle_told(call.caller(), &circle)));
        all.extend(call.caller().check_reach(&name).err().map(|error| error.message));
        all.extend(topic_rights::faults(call.caller(), server, &name, &whole));
        all.extend(WebhookHosts::of(server.settings()).faults(&service));
        all.extend(resource_rights::faults(call.caller(), &spec));
        all.extend(server.missing_resources(&spec));
        all.extend(roots::faults(&spec, &service, &server.settings().roots));
    }
    all.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_is_the_stored_text_with_its_secrets() {
        let text = "sink = ['postgres://me:hunter2@h/base']\nwindow = '1s'\n".to_owned();
        let edit: Edit =
            serde_json::from_value(json!({ "path": ["window"], "value": "2s" })).unwrap();
        let now = changed(Description { text, ..Description::default() }, &[edit]).unwrap();
        assert!(now.text.contains("hunter2") && now.text.contains("\"2s\""), "{}", now.text);
        let shown = edit::values(&without_secrets(&now.text)).unwrap();
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        assert_eq!(shown["window"], "2s");
    }
}
