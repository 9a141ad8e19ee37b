//! Tokens over HTTP: made, rotated and withdrawn by admins. The secret is in the answer that makes
//! it, and nowhere else.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::asking::{accepted, body, refusal, with};
use crate::http::{ApiError, Call, Reply, Right, Route, Scope, TopicScope};
use crate::serve::handle::Handle;
use crate::serve::state::tokens::{NewToken, check_name};
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

/// A token that is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Whose it is.
    pub name: String,
    /// What it may do.
    pub roles: Vec<String>,
    /// With which jobs; without, with all.
    #[serde(default)]
    pub jobs: Option<Vec<String>>,
    /// Which topics it may have read; without, all.
    #[serde(default)]
    pub select: Option<Vec<String>>,
    /// Which topics it may have written; without, all.
    #[serde(default)]
    pub insert: Option<Vec<String>>,
    /// When it ends.
    #[serde(default)]
    pub expires_ms: Option<i64>,
}

/// The routes.
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    let all = vec![
        Route::get("/api/v1/tokens", "Every token, without its secret; those that count first")
            .gives("Tokens")
            .handled(with(server, list)),
        Route::post("/api/v1/tokens", "Make a token; its secret is in this answer alone")
            .takes("NewToken")
            .gives("CreatedToken")
            .with_status(StatusCode::CREATED)
            .handled(with(server, create)),
        Route::post(
            "/api/v1/tokens/{token}/rotate",
            "Give a token another secret; the one before counts no longer",
        )
        .gives("CreatedToken")
        .handled(with(server, rotate)),
        Route::new(
            Method::DELETE,
            "/api/v1/tokens/{token}",
            "Withdraw a token; what follows events with it ends",
        )
        .gives("Accepted")
        .with_status(StatusCode::ACCEPTED)
        .handled(with(server, revoke)),
    ];
    all.into_iter().map(|route| route.needs(Right::Administer)).collect()
}

impl Wanted {
    /// The token, if it can be one.
    ///
    /// # Errors
    /// `bad_request` with what is wrong.
    pub fn checked(self) -> Result<NewToken, ApiError> {
        let Wanted { name, roles, jobs, select, insert, expires_ms } = self;
        let wrong = |what: &str, why: String| ApiError::bad_request(format!("{what}: {why}"));
        check_name(&name).map_err(|why| wrong("name", why))?;
        let scope = |what: &str, names: Option<Vec<String>>| match names {
            None => Ok(Scope::all()),
            Some(names) => names.join(",").parse().map_err(|why| wrong(what, why)),
        };
        Ok(NewToken {
            name,
            roles: roles.join(",").parse().map_err(|why| wrong("roles", why))?,
            scope: scope("jobs", jobs)?,
            topics: TopicScope {
                select: scope("select", select)?,
                insert: scope("insert", insert)?,
            },
            expires_ms,
        })
    }
}

fn list(_call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let all = server.shown_tokens().map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "tokens": all })))
}

fn create(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let new = body::<Wanted>(call)?.checked()?;
    let created = server.state_mut().create_token(&new, call.who(), now_ms());
    let (token, secret) = created.map_err(|error| refusal(&error))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "created": token, "token": secret })))
}

fn rotate(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = call.path("token");
    let rotated = server.state_mut().rotate_token(name, now_ms());
    let (token, secret) =
        rotated.map_err(|error| refusal(&error))?.ok_or_else(|| no_token(name))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "created": token, "token": secret })))
}

fn revoke(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let name = call.path("token");
    let revoked =
        server.state_mut().revoke_token(name, now_ms()).map_err(|error| refusal(&error))?;
    revoked.ok_or_else(|| no_token(name))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    accepted()
}

fn no_token(name: &str) -> ApiError {
    ApiError::not_found(format!("there is no token {name:?} here; `seismic token list` shows all"))
}
