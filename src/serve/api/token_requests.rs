//! Tokens that are asked for over HTTP: by anybody, within narrow limits; granted or refused by admins;
//! looked at and taken back by whoever has the secret, which was in the answer to them alone.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::asking::{accepted, body, refusal, with};
use super::tokens::Wanted;
use crate::http::{ApiError, Call, RateLimit, Reply, Right, Route};
use crate::serve::handle::Handle;
use crate::serve::limits;
use crate::serve::state::token_requests::{Decision, TokenRequest};
use crate::serve::supervisor::Supervisor;
use crate::time::now_ms;

/// Requests that are shown at once at most.
const SHOWN: u64 = 1_000;

/// What is asked for, and what for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    name: String,
    roles: Vec<String>,
    #[serde(default)]
    jobs: Option<Vec<String>>,
    #[serde(default)]
    select: Option<Vec<String>>,
    #[serde(default)]
    insert: Option<Vec<String>>,
    #[serde(default)]
    expires_ms: Option<i64>,
    /// What for.
    why: String,
}

/// What is decided about a request. What is granted may be other than what was asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Granting {
    /// Why.
    comment: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    roles: Option<Vec<String>>,
    #[serde(default)]
    jobs: Option<Vec<String>>,
    #[serde(default)]
    select: Option<Vec<String>>,
    #[serde(default)]
    insert: Option<Vec<String>>,
    #[serde(default)]
    expires_ms: Option<i64>,
}

/// Why a request is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusing {
    comment: String,
}

/// The routes.
pub fn routes(server: &Arc<Handle>) -> Vec<Route> {
    const ALL: &str = "/api/v1/token-requests";
    const OWN: &str = "/api/v1/token-requests/own";
    let own = |route: Route| route.needs(Right::Own).for_some_jobs();
    vec![
        Route::post(
            ALL,
            "Ask for a token. Its secret is in this answer alone, and counts once an admin has granted it",
        )
        .for_strangers()
        .takes("NewTokenRequest")
        .gives("CreatedTokenRequest")
        .with_status(StatusCode::CREATED)
        .handled(ask(server)),
        Route::get(ALL, "Requests for tokens that wait, or about which was decided; the newest first")
            .needs(Right::Administer)
            .text("state", "pending or done [default: pending]")
            .number("limit", "How many [default: 100]")
            .gives("TokenRequests")
            .handled(with(server, list)),
        own(Route::get(OWN, "The request of which one has the secret, and what became of it"))
            .gives("DecidedTokenRequest")
            .handled(with(server, show_own)),
        own(Route::new(
            Method::DELETE,
            OWN,
            "Take back the request of which one has the secret, or the token that was made of it",
        ))
        .gives("Accepted")
        .with_status(StatusCode::ACCEPTED)
        .handled(with(server, withdraw)),
        Route::post(
            "/api/v1/token-requests/{request}/grant",
            "Make the token that was asked for, or one for less",
        )
        .needs(Right::Administer)
        .takes("GrantedTokenRequest")
        .gives("DecidedTokenRequest")
        .handled(with(server, grant)),
        Route::post("/api/v1/token-requests/{request}/refuse", "Refuse a request for a token")
            .needs(Right::Administer)
            .takes("RefusedTokenRequest")
            .gives("DecidedTokenRequest")
            .handled(with(server, refuse)),
    ]
}

/// Takes a request in, if not too many came lately: anybody may ask.
fn ask(server: &Arc<Handle>) -> impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static {
    let (server, limit) = (Arc::clone(server), RateLimit::new(limits::TOKEN_REQUESTS_PER_S));
    move |call| {
        let Asked { name, roles, jobs, select, insert, expires_ms, why } = body(call)?;
        let new = Wanted { name, roles, jobs, select, insert, expires_ms }.checked()?;
        check_text("why", "what the token is for", &why)?;
        if !limit.take() {
            let why = "more tokens are asked for than two a second: ask again in a moment";
            return Err(ApiError::new("too_many_requests", why));
        }
        let by = call.who().to_owned();
        server.ask(move |server| {
            let made = server.state_mut().request_token(&new, why.trim(), &by, now_ms());
            let (request, secret) = made.map_err(|error| refusal(&error))?;
            server.refresh_tokens().map_err(|error| refusal(&error))?;
            Ok(Reply::Json(json!({ "request": request, "token": secret })))
        })?
    }
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
    let all = server.state().token_requests(are_done, most).map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "requests": all })))
}

/// The request of whoever asks: by its own secret, or by the token that was made of it.
fn own(call: &Call, server: &Supervisor) -> Result<TokenRequest, ApiError> {
    let found = match (call.caller().request(), call.caller().token()) {
        (Some(number), _) => server.state().token_request(number),
        (None, Some(token)) => server.state().request_of_token(token),
        (None, None) => Ok(None),
    };
    let found = found.map_err(|error| refusal(&error))?;
    found.ok_or_else(|| {
        ApiError::not_found(
            "nobody has asked for a token with this secret: it was made without a request, or is none",
        )
    })
}

fn show_own(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    Ok(Reply::Json(json!({ "about": own(call, server)? })))
}

fn withdraw(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let TokenRequest { id, token, .. } = own(call, server)?;
    let done = match (call.caller().request(), token) {
        // Whoever has a token may always give it up.
        (None, Some(token)) => server.state_mut().revoke_token(&token, now_ms()).map(drop),
        _ => server.state_mut().withdraw_request(id, now_ms()),
    };
    done.map_err(|error| refusal(&error))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    accepted()
}

fn grant(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let Granting { comment, name, roles, jobs, select, insert, expires_ms } = body(call)?;
    check_text("comment", "why it is granted", &comment)?;
    let asked = known(call, server)?;
    let wanted = Wanted {
        name: name.unwrap_or(asked.name),
        roles: roles.unwrap_or(asked.roles),
        jobs: Some(jobs.unwrap_or(asked.jobs)),
        select: Some(select.unwrap_or(asked.select)),
        insert: Some(insert.unwrap_or(asked.insert)),
        expires_ms: expires_ms.or(asked.expires_ms),
    };
    let new = wanted.checked()?;
    let decision = Decision { by: call.who(), why: comment.trim(), at_ms: now_ms() };
    let granted = server.state_mut().grant_request(asked.id, &new, decision);
    let mut granted = granted.map_err(|error| refusal(&error))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    // What was made, which may be less.
    granted.name = new.name;
    granted.roles = new.roles.names().into_iter().map(str::to_owned).collect();
    granted.jobs = new.scope.patterns().to_vec();
    granted.select = new.topics.select.patterns().to_vec();
    granted.insert = new.topics.insert.patterns().to_vec();
    granted.expires_ms = new.expires_ms;
    Ok(Reply::Json(json!({ "about": granted })))
}

fn refuse(call: &Call, server: &mut Supervisor) -> Result<Reply, ApiError> {
    let Refusing { comment } = body(call)?;
    check_text("comment", "why it is refused", &comment)?;
    let asked = known(call, server)?;
    let decision = Decision { by: call.who(), why: comment.trim(), at_ms: now_ms() };
    let refused = server.state_mut().refuse_request(asked.id, decision);
    let refused = refused.map_err(|error| refusal(&error))?;
    server.refresh_tokens().map_err(|error| refusal(&error))?;
    Ok(Reply::Json(json!({ "about": refused })))
}

fn known(call: &Call, server: &Supervisor) -> Result<TokenRequest, ApiError> {
    let number = call.path("request");
    let found = number.parse().ok().map(|number| server.state().token_request(number));
    let found = found.transpose().map_err(|error| refusal(&error))?.flatten();
    found.ok_or_else(|| {
        let why =
            format!("there is no request {number:?} here; `seismic token requests` lists them");
        ApiError::not_found(why)
    })
}

fn check_text(key: &str, what: &str, text: &str) -> Result<(), ApiError> {
    let most = limits::COMMENT_BYTES;
    match text.trim().is_empty() {
        true => Err(ApiError::bad_request(format!("{key}: say {what}"))),
        false if text.len() > most => {
            Err(ApiError::bad_request(format!("{key}: it is longer than {most} bytes")))
        }
        false => Ok(()),
    }
}
