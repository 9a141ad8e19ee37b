//! Drafts: a job file that is saved without a version, may be wrong, and is submitted later. There
//! is one for each job; whoever did not see the newest one is refused.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::asking::{accepted, body, known, refusal};
use super::editor::{base, changed};
use super::looked;
use super::submission::{add, authorship};
use crate::http::{ApiError, Call, Reply};
use crate::job::JobSpec;
use crate::job::file::edit::Edit;
use crate::job::file::without_secrets;
use crate::serve::state::drafts::Draft;
use crate::serve::state::versions::Authorship;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::order::{Begin, Description};
use crate::time::{now_ms, show_ms};

/// Tags of drafts begin with this, so that none is taken for a version.
const TAG: &str = "draft-";

/// A draft as it is saved: a text, or changes of the draft or version that there is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewDraft {
    #[serde(default)]
    text: Option<String>,
    /// Changes, instead of a text.
    #[serde(default)]
    set: Vec<Edit>,
    #[serde(default)]
    file: Option<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    env: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

/// Why a draft is submitted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// Instead of what was said when it was saved.
    #[serde(default)]
    comment: Option<String>,
}

/// The draft of a job, without secrets; null where there is none.
pub fn show(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let draft = server.state().draft(&name).map_err(|error| refusal(&error))?;
    let Some(draft) = draft else { return Ok(Reply::Json(json!({ "draft": null }))) };
    let shown = json!({
        "revision": draft.revision,
        "at_ms": draft.at_ms,
        "author": draft.by.author,
        "comment": draft.by.comment,
        "base": draft.base,
        "text": without_secrets(&draft.description.text),
        "variables": draft.description.variables.keys().collect::<Vec<_>>(),
        "faults": faults(server, &draft.description, &name),
    });
    Ok(Reply::Tagged(json!({ "draft": shown }), format!("{TAG}{}", draft.revision)))
}

/// Saves a draft. Nothing of it has to be right.
pub fn save(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let before = server.state().draft(&name).map_err(|error| refusal(&error))?;
    check_before(call, &name, before.as_ref())?;
    let (description, by) = described_by(call, server, &name, before.as_ref())?;
    let base = match &before {
        Some(before) => before.base,
        None => server.state().newest_version(&name).map_err(|error| refusal(&error))?,
    };
    let faults = faults(server, &description, &name);
    let saved = server.state_mut().save_draft(&name, &description, &by, base, now_ms());
    let revision = saved.map_err(|error| refusal(&error))?;
    let answer = json!({ "revision": revision, "faults": faults });
    Ok(Reply::Tagged(answer, format!("{TAG}{revision}")))
}

/// What is to be saved: a text with all that it takes, or what there is with changes.
fn described_by(
    call: &Call,
    server: &Supervisor,
    name: &str,
    before: Option<&Draft>,
) -> Result<(Description, Authorship), ApiError> {
    let NewDraft { text, set, file, variables, env, comment } = body(call)?;
    let by = authorship(call, comment)?;
    if let Some(text) = text {
        let file = file.unwrap_or_else(|| "job.toml".to_owned());
        let whole = Description { text, file, variables, env, ..Description::default() };
        return Ok((changed(whole, &set)?, by));
    }
    if set.is_empty() || file.is_some() || !variables.is_empty() || env.is_some() {
        let why = "the body: write a text with all that belongs to it, or `set` with changes alone";
        return Err(ApiError::bad_request(why));
    }
    let base = base(server, name, before)?;
    // Changes are of what somebody saw.
    match call.if_match() {
        Some(seen) if seen != base.tag && seen != "*" => Err(ApiError::new(
            "precondition_failed",
            format!(
                "job {name} is at {} by now, not at {seen}: look at it, then change it",
                base.tag
            ),
        )),
        _ => Ok((changed(base.description, &set)?, by)),
    }
}

/// Forgets the draft, if there is one.
pub fn discard(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let before = server.state().draft(&name).map_err(|error| refusal(&error))?;
    check_before(call, &name, before.as_ref())?;
    server.state_mut().discard_draft(&name).map_err(|error| refusal(&error))?;
    accepted()
}

/// Makes a version of the draft, as if it had been submitted, if the job is at the version from
/// which the draft began.
pub fn submit(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = known(call, server)?;
    let Comment { comment } = body(call)?;
    let draft = server.state().draft(&name).map_err(|error| refusal(&error))?;
    let Some(draft) = draft else {
        return Err(ApiError::conflict(format!("job {name} has no draft: save one first")));
    };
    let base = base_of(call, &name, &draft)?;
    let by = authorship(call, comment.or(Some(draft.by.comment.clone())))?;
    let named = server.name_of(&draft.description);
    if let Ok(other) = named
        && other != name
    {
        let why = format!("the draft of job {name} is of a job {other}: submit it as a file");
        return Err(ApiError::conflict(why));
    }
    let of_base = call.clone().at(Some(base));
    let submitted = add(&of_base, server, draft.description, Begin::default(), &by)?;
    server.state_mut().discard_draft(&name).map_err(|error| refusal(&error))?;
    Ok(submitted)
}

/// The job that the draft describes, as far as its queue may be looked at.
pub fn spec(call: &Call, server: &mut Supervisor) -> Option<JobSpec> {
    let name = known(call, server).ok()?;
    let draft = server.state().draft(&name).ok()??;
    looked::described_by(call.caller(), &draft.description, server)
}

/// The version that the job must be at when the draft is submitted: that from which the draft began,
/// unless the call says another one. A tag of a draft says that it must be this one.
fn base_of(call: &Call, name: &str, draft: &Draft) -> Result<String, ApiError> {
    let tag = format!("{TAG}{}", draft.revision);
    match call.if_match() {
        Some(seen) if seen.starts_with(TAG) && seen != tag => Err(ApiError::new(
            "precondition_failed",
            format!(
                "{} saved another draft of job {name} at {}: look at it with `seismic job draft \
                 {name}`, then submit it (If-Match: \"{tag}\")",
                draft.by.author,
                show_ms(draft.at_ms)
            ),
        )),
        Some(seen) if seen != tag => Ok(seen.to_owned()),
        _ => Ok(draft.base.to_string()),
    }
}

/// Whether somebody else has saved a draft that the caller has not seen.
fn check_before(call: &Call, name: &str, before: Option<&Draft>) -> Result<(), ApiError> {
    let Some(before) = before else { return Ok(()) };
    let tag = format!("{TAG}{}", before.revision);
    let is_seen = match call.if_match() {
        Some(seen) => seen == tag || seen == "*",
        None => before.by.author == call.who(),
    };
    if is_seen {
        return Ok(());
    }
    let why = format!(
        "{} saved a draft of job {name} at {}: look at it with `seismic job draft {name}`, then save \
         with --take-over (If-Match: \"{tag}\") to replace it",
        before.by.author,
        show_ms(before.at_ms)
    );
    let code = if call.if_match().is_some() { "precondition_failed" } else { "conflict" };
    Err(ApiError::new(code, why))
}

/// What is wrong with it so far.
fn faults(server: &Supervisor, description: &Description, name: &str) -> Vec<Value> {
    let mut whole = description.clone();
    server.settings().complete(&mut whole);
    match whole.resolve() {
        Err(error) => error.to_string().lines().map(|line| line.trim().into()).collect(),
        Ok((spec, service)) => {
            let named = service.name.map_or(spec.group, |name| name.to_string());
            match named == name {
                true => Vec::new(),
                false => vec![format!("name: it is {named}, and this is job {name}").into()],
            }
        }
    }
}
