//! Versions are tested, approved, rejected and withdrawn, each by whom that is for; and what waits
//! for it is listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::{body, known, refusal, with};
use super::submission::authorship;
use super::versions::head;
use crate::http::{ApiError, Call, Reply, Right, Route};
use crate::serve::handle::Handle;
use crate::serve::state::approvals::check;
use crate::serve::state::stages::{Decided, Decision, Tested};
use crate::serve::state::versions::Version;
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

/// Versions that are shown at once at most.
const SHOWN: u64 = 1_000;

/// Newest versions among which the one is looked for that was tested.
const LOOKED_AT: u64 = 100;

/// Characters that are kept of what a test read.
const INPUT: usize = 200;

/// The routes.
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    let decide = |path, summary, right| {
        Route::post(path, summary).needs(right).takes("Decision").gives("Decided")
    };
    vec![
        Route::get(
            "/api/v1/approvals",
            "Versions that wait for approval, or about which was decided",
        )
        .needs(Right::Read)
        .for_some_jobs()
        .text("state", "pending or done [default: pending]")
        .number("limit", "How many [default: 100]")
        .gives("Approvals")
        .handled(with(server, list)),
        Route::post(
            "/api/v1/jobs/{name}/tested",
            "Tell that a version has passed a test: that one whose content was tested",
        )
        .needs(Right::Submit)
        .takes("TestResult")
        .gives("Decided")
        .handled(with(server, tested)),
        decide(
            "/api/v1/jobs/{name}/approve",
            "Let a version be started that somebody else has submitted",
            Right::Approve,
        )
        .handled(with(server, |call, server| act(call, server, Decision::Approved))),
        decide(
            "/api/v1/jobs/{name}/reject",
            "Let a version not be started, also one that was approved before",
            Right::Approve,
        )
        .handled(with(server, |call, server| act(call, server, Decision::Rejected))),
        decide("/api/v1/jobs/{name}/withdraw", "Take back a version of one's own", Right::Submit)
            .handled(with(server, |call, server| act(call, server, Decision::Withdrawn))),
    ]
}

fn list(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let are_done = match call.query("state").unwrap_or("pending") {
        "pending" => false,
        "done" => true,
        other => {
            return Err(ApiError::bad_request(format!("state={other}: write pending or done")));
        }
    };
    let most = call.number("limit", 100, SHOWN)?;
    let (is_required, caller) = (server.settings().needs_approval, call.caller());
    let found = match is_required || are_done {
        true => server.state().approvals(are_done, most, |job| caller.reaches(job)),
        // Nothing waits where nobody is asked.
        false => Ok(Vec::new()),
    };
    let shown = found.map_err(|error| refusal(&error))?.into_iter().map(|version| {
        let mut shown = head(server, &version.job, &version.head);
        shown["job"] = version.job.into();
        shown
    });
    Ok(Reply::Json(
        json!({ "is_required": is_required, "versions": shown.collect::<Vec<Value>>() }),
    ))
}

/// What is decided of a version.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Deciding {
    /// Which one: nobody approves what came meanwhile.
    version: u64,
    /// Why.
    #[serde(default)]
    comment: Option<String>,
    /// Whether one is approved that has passed no test.
    #[serde(default)]
    untested: Option<bool>,
}

fn act(call: &Call, server: &mut Supervisor, what: Decision) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Deciding { version, comment, untested } = body(call)?;
    let by = authorship(call, comment)?;
    if by.comment.trim().is_empty() && what != Decision::Withdrawn {
        let why = format!("comment: say why version {version} is {}", what.name());
        return Err(ApiError::bad_request(why));
    }
    if !by.is_proved {
        let why =
            "whoever decides about versions says who they are by a token: `seismic token create`";
        return Err(ApiError::new("forbidden", why));
    }
    let found = server.state().version_head(&name, version).map_err(|error| refusal(&error))?;
    let found = found.ok_or_else(|| no_version(&name, version))?;
    check(&name, &found, what, &by.author, untested.unwrap_or_default())
        .map_err(ApiError::conflict)?;
    let decided = Decided { what, by: by.author, at_ms: now_ms(), comment: by.comment };
    let stored = server.state_mut().decide(&name, version, &decided);
    stored.map_err(|error| refusal(&error))?;
    answer(server, &name, version)
}

/// A test that passed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestResult {
    /// The job file that was tested ...
    text: String,
    /// ... with these variables ...
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// ... in this environment of it ...
    #[serde(default)]
    env: Option<String>,
    /// ... with this content of each resource that it names ...
    #[serde(default)]
    resources: BTreeMap<String, String>,
    /// ... and the rules that follow from all that was given with it.
    rules: String,
    input: String,
    result: String,
    is_compared: bool,
    read: u64,
    late: u64,
    rejected: u64,
    rows: u64,
}

fn tested(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let told: TestResult = body(call)?;
    let is_hash = |it: char| it.is_ascii_digit() || ('a'..='f').contains(&it);
    if told.result.len() != 64 || !told.result.chars().all(is_hash) {
        return Err(ApiError::bad_request("result: write a SHA-256 in hexadecimal digits"));
    }
    let version = version_with(server, &name, &told)?;
    let number = version.head.number;
    let rules = version.description.resolve().map(|(spec, _)| spec.semantics_hash());
    let rules = rules.map_err(|error| ApiError::conflict(error.to_string()))?;
    if rules != told.rules {
        return Err(ApiError::conflict(format!(
            "the test followed other rules than version {number} of job {name} would: the server has \
             other variables or defaults for all jobs; test with its file, --config FILE"
        )));
    }
    let TestResult { input, result, is_compared, read, late, rejected, rows, .. } = told;
    let tested = Tested {
        by: call.who().to_owned(),
        at_ms: now_ms(),
        input: input.chars().take(INPUT).collect(),
        result,
        is_compared,
        read,
        late,
        rejected,
        rows,
    };
    let stored = server.state_mut().mark_tested(&name, number, &tested);
    stored.map_err(|error| refusal(&error))?;
    answer(server, &name, number)
}

/// The newest version with the content that was tested.
fn version_with(server: &Supervisor, name: &str, told: &TestResult) -> Result<Version, ApiError> {
    let heads = server.state().versions(name, LOOKED_AT).map_err(|error| refusal(&error))?;
    for head in heads {
        let version = server.state().version(name, head.number).map_err(|error| refusal(&error))?;
        let is_it = |version: &Version| {
            let description = &version.description;
            description.text == told.text
                && description.variables == told.variables
                && description.env == told.env
                && description.resources.hashes == told.resources
        };
        if let Some(version) = version.filter(is_it) {
            return Ok(version);
        }
    }
    Err(ApiError::conflict(format!(
        "no version of job {name} has the file that was tested, with its variables and the contents of \
         its resources: submit it first"
    )))
}

fn answer(server: &Supervisor, name: &str, number: u64) -> Result<Reply, ApiError> {
    let found = server.state().version_head(name, number).map_err(|error| refusal(&error))?;
    let found = found.ok_or_else(|| no_version(name, number))?;
    let stage = server.stage_of(name, &found).to_string();
    Ok(Reply::Json(json!({ "name": name, "version": number, "stage": stage })))
}

fn no_version(name: &str, number: u64) -> ApiError {
    ApiError::not_found(format!(
        "job {name} has no version {number}; `seismic job versions {name}` lists them"
    ))
}
