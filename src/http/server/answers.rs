//! The answers of a server: its routes behind their guards, and its event streams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;

use super::audit::Audit;
use super::file_body;
use super::receive::{self, Uploads};
use crate::http::security::{self, Caller, Door, Guards, Refusals};
use crate::http::{
    ApiError, Auditor, Call, Reply, Route, events, limits, metrics, openapi, page, probes,
};

/// What a server answers with.
pub struct Answers {
    guards: Arc<Guards>,
    doors: Arc<Doors>,
    routes: Vec<Arc<Route>>,
    audit: Audit,
    refusals: Arc<Refusals>,
    uploads: Uploads,
}

/// What every request passes.
#[derive(Clone)]
struct Guarded {
    guards: Arc<Guards>,
    doors: Arc<Doors>,
    audit: Audit,
    refusals: Arc<Refusals>,
    uploads: Uploads,
}

/// What is for everybody.
#[derive(Debug)]
struct Doors {
    /// Paths of probes.
    open: BTreeSet<&'static str>,
    for_strangers: Vec<(Method, &'static str)>,
}

impl Doors {
    fn of(routes: &[Route]) -> Doors {
        let open = routes.iter().filter(|it| it.is_open).map(|it| it.path).collect();
        let for_strangers = routes.iter().filter(|it| it.is_for_strangers);
        let for_strangers = for_strangers.map(|it| (it.method.clone(), it.path)).collect();
        Doors { open, for_strangers }
    }

    fn to(&self, method: &Method, path: &str) -> Door {
        let is_it =
            |(its_method, its_path): &(Method, &str)| its_method == method && *its_path == path;
        // The page says nothing that its source does not; what it shows it asks for with the token.
        match self.open.contains(path) || page::is_of_it(path) {
            true => Door::Open,
            false if self.for_strangers.iter().any(is_it) => Door::ForStrangers,
            false => Door::Guarded,
        }
    }
}

impl Answers {
    pub fn new(guards: Guards, routes: Vec<Route>, auditor: Option<Arc<dyn Auditor>>) -> Answers {
        let doors = Arc::new(Doors::of(&routes));
        let refusals = Arc::new(Refusals::default());
        let routes = metrics::with_refusals(openapi::described(routes), &refusals);
        let routes: Vec<_> = routes.into_iter().map(Arc::new).collect();
        let audit = Audit::by(auditor);
        let (guards, uploads) = (Arc::new(guards), Uploads::of(&routes));
        Answers { guards, doors, routes, audit, refusals, uploads }
    }

    /// The routes behind their guards; streams end when the server is stopped.
    pub fn router(&self, stopped: &watch::Receiver<bool>) -> Router {
        let mut router = Router::new();
        for route in &self.routes {
            let filter = match route.method {
                Method::POST => MethodFilter::POST,
                Method::PUT => MethodFilter::PUT,
                Method::DELETE => MethodFilter::DELETE,
                _ => MethodFilter::GET,
            };
            let route = Arc::clone(route);
            let path = route.path;
            let (audit, uploads) = (self.audit.clone(), self.uploads.clone());
            let stopped = stopped.clone();
            let handler = move |Path(path): Path<BTreeMap<String, String>>,
                                query: Result<Query<BTreeMap<String, String>>, _>,
                                request: Request| {
                let (route, audit) = (Arc::clone(&route), audit.clone());
                let (uploads, stopped) = (uploads.clone(), stopped.clone());
                async move {
                    let query: Result<_, axum::extract::rejection::QueryRejection> = query;
                    let caller = caller_of(&request);
                    if let Err(error) = route.check(&caller, &path) {
                        audit.note_denial(&route, &caller, &path, &error);
                        return refusal(&error);
                    }
                    match call_of(path, query.ok(), request, &route, &uploads).await {
                        Ok(call) => answer(route, call.of(caller), audit, stopped).await,
                        Err(error) => refusal(&error),
                    }
                }
            };
            router = router.route(path, on(filter, handler));
        }
        let missing = |request: Request| async move {
            if let Some(answer) = page::answer(&request) {
                return answer;
            }
            let path = request.uri().path().to_owned();
            refusal(&ApiError::not_found(format!(
                "there is nothing at {path:?}; see {}",
                openapi::PATH
            )))
        };
        let not_so = |request: Request| async move {
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            refusal(&ApiError::new("method_not_allowed", format!("{path} does not take {method}")))
        };
        let guarded = Guarded {
            guards: Arc::clone(&self.guards),
            doors: Arc::clone(&self.doors),
            audit: self.audit.clone(),
            refusals: Arc::clone(&self.refusals),
            uploads: self.uploads.clone(),
        };
        router
            .fallback(missing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(guarded, guard))
    }
}

/// Lets a request through, or says why not; and adds to every answer what browsers must know.
async fn guard(State(guarded): State<Guarded>, mut request: Request, next: Next) -> Response {
    let Guarded { guards, doors, audit, refusals, uploads } = guarded;
    let door = doors.to(request.method(), request.uri().path());
    let mut response = match guards.check(request.method(), request.headers(), door) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            let time = uploads.time_for(request.method(), request.uri().path());
            match timeout(time, next.run(request)).await {
                Ok(response) => response,
                Err(_) => {
                    let s = time.as_secs();
                    let message =
                        format!("the request was not whole, or not answered, within {s} s");
                    refusal(&ApiError::new("request_timeout", message))
                }
            }
        }
        Err(error) => {
            audit.note_refusal(&request, &error);
            refusal(&error)
        }
    };
    refusals.count(response.status());
    security::add_to(response.headers_mut());
    response
}

/// Who asks, as the guards found out; nobody, should they have been left out.
fn caller_of(request: &Request) -> Caller {
    request.extensions().get::<Caller>().cloned().unwrap_or_else(|| Caller::stranger("nobody"))
}

/// What a request asks.
async fn call_of(
    path: BTreeMap<String, String>,
    query: Option<Query<BTreeMap<String, String>>>,
    request: Request,
    route: &Route,
    uploads: &Uploads,
) -> Result<Call, ApiError> {
    let Some(Query(query)) = query else {
        return Err(ApiError::bad_request("what stands behind the ? cannot be read"));
    };
    let if_match = if_match(request.headers())?;
    if let Some(upload) = &route.upload {
        let uploaded = receive::file(upload, request, uploads).await?;
        return Ok(Call::new(path, query, Value::Null).at(if_match).with_file(uploaded));
    }
    let bytes = to_bytes(request.into_body(), limits::BODY_BYTES).await.map_err(|_| {
        let kib = limits::BODY_BYTES >> 10;
        ApiError::new("too_large", format!("the body is not whole, or longer than {kib} KiB"))
    })?;
    let body = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("the body is no JSON: {error}")))?,
    };
    Ok(Call::new(path, query, body).at(if_match))
}

/// What `If-Match` says. What cannot be read as a tag is a condition all the same.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    match headers.get(header::IF_MATCH).map(HeaderValue::to_str) {
        None => Ok(None),
        Some(Ok(tag)) => Ok(Some(tag.to_owned())),
        Some(Err(_)) => Err(ApiError::bad_request("If-Match is no text: write a tag")),
    }
}

/// Has a blocking thread answer.
async fn answer(
    route: Arc<Route>,
    call: Call,
    audit: Audit,
    stopped: watch::Receiver<bool>,
) -> Response {
    let status = route.status;
    // Not behind those who wait for stores: whoever asks ends a process that does not answer.
    let answered = match route.path == probes::ALIVE {
        true => Ok(route.answer(&call)),
        false => {
            tokio::task::spawn_blocking(move || {
                let answered = route.answer(&call);
                audit.note_answer(&route, &call, &answered);
                answered
            })
            .await
        }
    };
    match answered {
        Ok(Ok(Reply::Json(value))) => json(status, &value),
        Ok(Ok(Reply::Tagged(value, tag))) => {
            let mut response = json(status, &value);
            if let Ok(tag) = HeaderValue::from_str(&format!("\"{tag}\"")) {
                response.headers_mut().insert(header::ETAG, tag);
            }
            response
        }
        Ok(Ok(Reply::Text(media_type, text))) => {
            let mut response = Response::new(Body::from(text));
            *response.status_mut() = status;
            let media_type = HeaderValue::from_static(media_type);
            response.headers_mut().insert(header::CONTENT_TYPE, media_type);
            response
        }
        Ok(Ok(Reply::File(content))) => match file_body::response(content).await {
            Ok(response) => response,
            Err(error) => refusal(&error),
        },
        Ok(Ok(Reply::Events(subscription))) => events::response(subscription, stopped),
        Ok(Err(error)) => refusal(&error),
        // A panic was printed where it happened, or the server ends.
        Err(_) => refusal(&ApiError::new("failed", "the request could not be answered")),
    }
}

fn refusal(error: &ApiError) -> Response {
    let mut response = json(error.status, &error.json());
    if error.status == StatusCode::UNAUTHORIZED {
        let bearer = HeaderValue::from_static("Bearer");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
    }
    if error.status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

fn json(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, media_type);
    response
}
