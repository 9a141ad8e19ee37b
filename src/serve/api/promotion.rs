//! A version moves on from one environment to another: the same file with the same variables, as a
//! version of the instance there.

use serde::Deserialize;

use super::asking::{body, known, refusal};
use super::looked::described_by;
use super::submission::{add, authorship};
use crate::http::{ApiError, Call, Reply};
use crate::job::JobSpec;
use crate::job::file::envs::parse_name;
use crate::serve::state::versions::{Authorship, Version};
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};

/// Where a version moves on to.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Promotion {
    /// The environment.
    to: String,
    /// Which version; without it, the one that the job is.
    #[serde(default)]
    version: Option<u64>,
    /// Why.
    #[serde(default)]
    comment: Option<String>,
}

/// What the version describes in the other environment, and that version.
fn promoted(call: &Call, server: &Supervisor) -> Result<(Description, Version), ApiError> {
    let name = known(call, server)?;
    let Promotion { to, version, .. } = body(call)?;
    let to = parse_name(&to).map_err(|why| ApiError::bad_request(format!("to: {why}")))?;
    let number = version.or_else(|| server.job(&name).map(|job| job.stored.version));
    let number = number.unwrap_or_default();
    let found = server.state().version(&name, number).map_err(|error| refusal(&error))?;
    let version = found.ok_or_else(|| {
        ApiError::not_found(format!(
            "job {name} has no version {number}; `seismic job versions {name}` lists them"
        ))
    })?;
    let refused = |why: String| {
        Err(ApiError::conflict(format!("version {number} of job {name} cannot move on: {why}")))
    };
    match &version.description.env {
        None => return refused("its file has no environments, as [env.test]".to_owned()),
        Some(from) if *from == to => return refused(format!("it is of {to} already")),
        Some(_) => {}
    }
    let description = Description { env: Some(to), rerun: 0, ..version.description.clone() };
    let mut now = description.clone();
    server.settings().complete(&mut now);
    let is_same = now.server == description.server
        && now.defaults.text == description.defaults.text
        && now.connections == description.connections;
    if !is_same {
        return refused(
            "the server's file has other variables, defaults or connections by now: submit it again, \
             test that, and let it move on"
                .to_owned(),
        );
    }
    Ok((description, version))
}

/// The job there, as far as its queue may be looked at.
pub fn spec(call: &Call, server: &mut Supervisor) -> Option<JobSpec> {
    let (description, _) = promoted(call, server).ok()?;
    described_by(call.caller(), &description, server)
}

/// Makes it a version of the instance there. Its author stays, who is not to approve it there either;
/// a test counts there, too, if the rules are the same.
pub fn promote(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let (description, version) = promoted(call, server)?;
    let Promotion { comment, .. } = body(call)?;
    let said = authorship(call, comment)?;
    let (from, head) = (call.path("name"), &version.head);
    let why = if said.comment.is_empty() { String::new() } else { format!(": {}", said.comment) };
    let comment = format!("version {} of {from}, promoted by {}{why}", head.number, said.author);
    let by = Authorship { comment, ..head.by.clone() };
    let rules = |description: &Description| {
        description.resolve().map(|(spec, _)| spec.semantics_hash()).ok()
    };
    let is_tested_there = rules(&description) == rules(&version.description);
    // What the call is to change is the instance there.
    let of_other = call.clone().at(None);
    let reply = add(&of_other, server, description, Begin::default(), &by)?;
    if let (Reply::Tagged(answer, _), Some(tested), true) =
        (&reply, &head.marks.tested, is_tested_there)
        && let (Some(name), Some(number)) = (answer["name"].as_str(), answer["version"].as_u64())
    {
        let marked = server.state_mut().mark_tested(name, number, tested);
        marked.map_err(|error| refusal(&error))?;
    }
    Ok(reply)
}
