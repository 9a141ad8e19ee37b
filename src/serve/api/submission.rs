//! A job file becomes a job, or another version of one; the second of two who change the same
//! version is refused, unless he says that he takes over.

use std::collections::BTreeMap;

use seismic_proto::Shown;
use serde::Deserialize;
use serde_json::json;

use super::asking::{refusal, refusal_to};
use super::resources::rights as resource_rights;
use super::{roots, topic_rights};
use crate::http::{ApiError, Call, Reply, Right};
use crate::serve::alarms::webhook_hosts::WebhookHosts;
use crate::serve::limits;
use crate::serve::state::versions::{Authorship, VersionHead};
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};
use crate::time::show_ms;

/// Stands for whatever version there is.
const ANY: &str = "*";

/// A job file that is submitted, or saved as a draft.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The job file.
    text: String,
    /// Its name, for messages.
    #[serde(default)]
    file: Option<String>,
    /// Variables that are given with it.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The environment of the file that counts.
    #[serde(default)]
    env: Option<String>,
    /// Why.
    #[serde(default)]
    comment: Option<String>,
}

impl Submission {
    /// What it describes, and who says so.
    ///
    /// # Errors
    /// For a comment that is too long.
    pub fn into_parts(self, call: &Call) -> Result<(Description, Authorship), ApiError> {
        let by = authorship(call, self.comment)?;
        let Submission { text, file, variables, env, .. } = self;
        let file = file.unwrap_or_else(|| "job.toml".to_owned());
        Ok((Description { text, file, variables, env, ..Description::default() }, by))
    }
}

/// Who asks, and what is said of it.
///
/// # Errors
/// For a comment that is too long.
pub fn authorship(call: &Call, comment: Option<String>) -> Result<Authorship, ApiError> {
    let comment = comment.unwrap_or_default();
    if comment.len() > limits::COMMENT_BYTES {
        let most = limits::COMMENT_BYTES;
        return Err(ApiError::bad_request(format!("comment: it is longer than {most} bytes")));
    }
    let is_proved = call.caller().is_proved();
    Ok(Authorship { author: call.who().to_owned(), comment, is_proved })
}

/// Takes in a job that is not from a file on disk.
///
/// # Errors
/// What is wrong with it, or why it cannot be now.
pub fn add(
    call: &Call,
    server: &mut Supervisor,
    description: Description,
    begin: Begin,
    by: &Authorship,
) -> Result<Reply, ApiError> {
    let mut whole = description.clone();
    server.settings().complete(&mut whole);
    let (spec, service) =
        whole.resolve().map_err(|error| ApiError::bad_request(error.to_string()))?;
    // Before all else that is said of it: what others have is none of theirs.
    let name = server.name_of(&description).map_err(|error| refusal(&error))?;
    call.caller().check_reach(&name)?;
    if server.settings().jobs.is_some() {
        let why = "the job files of the server's --jobs folder are the truth: add the file there";
        return Err(ApiError::conflict(why));
    }
    let mut faults = roots::faults(&spec, &service, &server.settings().roots);
    faults.extend(WebhookHosts::of(server.settings()).faults(&service));
    faults.extend(topic_rights::faults(call.caller(), server, &name, &whole));
    faults.extend(resource_rights::faults(call.caller(), &spec));
    if !faults.is_empty() {
        return Err(ApiError::new("forbidden", faults.join("; ")));
    }
    check_base(call, server, &name)?;
    // Where versions are approved, this one waits, and what runs works on.
    let job = server.job(&name);
    // Who changes a job that runs operates it.
    let is_live = call.caller().may(Right::Operate)
        && job.is_some_and(|job| job.differs_in_live_only(&spec, &service));
    if server.has_workers(&name) && !server.settings().needs_approval && !is_live {
        let live =
            "only an operator's changes of [alarms], [elastic] and [logs] count while it runs";
        return Err(ApiError::conflict(format!("job {name} runs: stop it first; {live}")));
    }
    let submitted = server.submit(description, None, begin, by);
    let submitted = submitted.map_err(|error| refusal_to(call.caller(), &error))?;
    server.tell_levels(&submitted.name);
    let group = server.job(&submitted.name).map(|job| job.group().to_owned());
    let answer = json!({
        "name": submitted.name,
        "group": group,
        "version": submitted.version,
        "is_new_version": submitted.is_new_version,
        "warnings": [],
    });
    Ok(Reply::Tagged(answer, submitted.version.to_string()))
}

/// Whether the job is still at the version that the call is to change.
///
/// # Errors
/// `precondition_failed` with who has changed it since, and how to take over.
fn check_base(call: &Call, server: &Supervisor, name: &str) -> Result<(), ApiError> {
    let Some(base) = call.if_match() else { return Ok(()) };
    let failed = |why: String| Err(ApiError::new("precondition_failed", why));
    if server.job(name).is_none() {
        return failed(format!(
            "there is no job {name} that could have version {base}: leave If-Match out for a new job"
        ));
    }
    let newest = server.state().versions(name, 1).map_err(|error| refusal(&error))?;
    match newest.first() {
        _ if base == ANY => Ok(()),
        Some(newest) if newest.number.to_string() == base => Ok(()),
        Some(newest) => failed(told(name, base, newest)),
        None => Ok(()),
    }
}

fn told(name: &str, base: &str, newest: &VersionHead) -> String {
    let VersionHead { number, at_ms, by, .. } = newest;
    let comment = match by.comment.is_empty() {
        true => String::new(),
        false => format!(" ({})", Shown(&by.comment)),
    };
    format!(
        "job {name} is at version {number}, which {} made at {}{comment}, and this change began from \
         version {base}: look at `seismic job diff {name} {base} {number}`, then submit with --base \
         {number} (If-Match: \"{number}\") to take over",
        by.author,
        show_ms(*at_ms)
    )
}
