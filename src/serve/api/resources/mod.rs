//! Resources: files that the server keeps for jobs and tests. Who has a token of a project has to do
//! with those whose names are of it, as with jobs.

pub mod rights;

use std::path::Path;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use self::rights::check_reach;
use super::asking::{accepted, refusal, with};
use crate::http::{ApiError, Call, FileContent, Reply, Right, Route, Upload};
use crate::job::file::pinned::ResourceName;
use crate::serve::handle::Handle;
use crate::serve::limits;
use crate::serve::state::resources::{Resource, ResourceLimits};
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

/// Where one is.
const ONE: &str = "/api/v1/resources/{resource}";

/// The routes; files come into this folder.
#[must_use]
pub fn routes(server: &Arc<Handle>, folder: &Path) -> Vec<Route> {
    let upload = Upload { folder: folder.to_owned(), most_bytes: limits::RESOURCE_BYTES };
    vec![
        Route::get("/api/v1/resources", "Files that the server keeps for jobs and tests")
            .needs(Right::Read)
            .for_some_jobs()
            .gives("Resources")
            .handled(with(server, list)),
        Route::new(
            Method::PUT,
            ONE,
            "Keep a file under a name; versions of jobs that had another content keep that",
        )
        .needs(Right::Submit)
        .for_some_jobs()
        .takes_file(upload)
        .gives("Resource")
        .handled(with(server, put)),
        Route::get(ONE, "What is known of one, and which versions of jobs have pinned its content")
            .needs(Right::Read)
            .for_some_jobs()
            .gives("Resource")
            .handled(with(server, show)),
        Route::get("/api/v1/resources/{resource}/content", "Its content")
            .needs(Right::Read)
            .for_some_jobs()
            .gives_text("application/octet-stream")
            .handled(with(server, content)),
        Route::new(Method::DELETE, ONE, "Forget one that no version of a job has pinned")
            .needs(Right::Submit)
            .for_some_jobs()
            .gives("Accepted")
            .with_status(StatusCode::ACCEPTED)
            .handled(with(server, delete)),
    ]
}

fn list(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let all = server.state().resources().map_err(|error| refusal(&error))?;
    let theirs = all.iter().filter(|it| call.caller().reaches(&it.name));
    let shown: Result<Vec<Value>, ApiError> = theirs.map(|it| shown(call, server, it)).collect();
    let bytes = server.state().resource_bytes().map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({
        "resources": shown?,
        "bytes": bytes,
        "most": {
            "resource_bytes": limits::RESOURCE_BYTES,
            "resources": limits::RESOURCES,
            "bytes": limits::RESOURCES_BYTES,
        },
    })))
}

fn put(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = named(call)?;
    let Some(content) = call.uploaded() else {
        return Err(ApiError::bad_request("the body: send the file"));
    };
    let most = ResourceLimits::default();
    let put = server.state_mut().put_resource(&name, content, most, call.who(), now_ms());
    let put = put.map_err(|error| refusal(&error))?;
    Ok(Reply::Json(shown(call, server, &put)?))
}

fn show(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let found = known(call, server)?;
    Ok(Reply::Json(shown(call, server, &found)?))
}

fn content(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let found = known(call, server)?;
    let path = server.settings().resources_folder().join(found.sha256);
    Ok(Reply::File(FileContent { path }))
}

fn delete(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = named(call)?;
    // A job of others is none of theirs: that there is one is enough.
    let is_shown = |job: &str| call.caller().reaches(job);
    match server.state_mut().delete_resource(&name, is_shown).map_err(|error| refusal(&error))? {
        true => accepted(),
        false => Err(missing(&name)),
    }
}

/// The name in the path, which the caller reaches.
fn named(call: &Call) -> Result<ResourceName, ApiError> {
    let name: ResourceName = call.path("resource").parse().map_err(ApiError::bad_request)?;
    check_reach(call.caller(), &name)?;
    Ok(name)
}

fn known(call: &Call, server: &Supervisor) -> Result<Resource, ApiError> {
    let name = named(call)?;
    let found = server.state().resource(&name).map_err(|error| refusal(&error))?;
    found.ok_or_else(|| missing(&name))
}

/// That there is none of this name.
pub fn missing(name: &ResourceName) -> ApiError {
    ApiError::not_found(format!(
        "there is no resource {:?} here; /api/v1/resources lists all",
        name.as_str()
    ))
}

/// What is shown of one, with the newest version of each job that the caller reaches.
fn shown(call: &Call, server: &Supervisor, of: &Resource) -> Result<Value, ApiError> {
    let all = server.state().pinned_by(&of.name, &of.sha256).map_err(|error| refusal(&error))?;
    let is_pinned = !all.is_empty();
    let theirs = all.into_iter().filter(|it| call.caller().reaches(&it.job));
    let theirs = theirs.take(limits::PINNED_BY);
    let versions: Vec<Value> =
        theirs.map(|it| json!({ "job": it.job, "version": it.version })).collect();
    let mut shown = serde_json::to_value(of)
        .map_err(|error| ApiError::new("failed", format!("it cannot be shown: {error}")))?;
    shown["is_pinned"] = is_pinned.into();
    shown["pinned_by"] = versions.into();
    Ok(shown)
}
