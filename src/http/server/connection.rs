//! Connections: their number, their timeouts, and their service.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodFilter, on};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::http::security::{self, Guards, RateLimit};
use crate::http::{
    ApiError, Auditor, Call, Mutation, Reply, Route, events, limits, mutation, openapi, page,
    probes,
};

/// What a server answers with.
pub struct Answers {
    guards: Arc<Guards>,
    open: Arc<BTreeSet<&'static str>>,
    routes: Vec<Arc<Route>>,
    audit: Audit,
}

/// Who notes what is changed, and how many refusals of the guards a second.
#[derive(Clone)]
struct Audit {
    auditor: Option<Arc<dyn Auditor>>,
    refusals: Arc<RateLimit>,
}

/// What a server needs to accept connections.
pub struct Listening {
    pub answers: Arc<Answers>,
    pub connections: usize,
    pub stopped: watch::Receiver<bool>,
}

impl Answers {
    pub fn new(guards: Guards, routes: Vec<Route>, auditor: Option<Arc<dyn Auditor>>) -> Answers {
        let open = routes.iter().filter(|route| route.is_open).map(|route| route.path).collect();
        let routes = openapi::described(routes).into_iter().map(Arc::new).collect();
        let refusals = Arc::new(RateLimit::new(limits::REFUSALS_NOTED_PER_S));
        let audit = Audit { auditor, refusals };
        Answers { guards: Arc::new(guards), open: Arc::new(open), routes, audit }
    }

    /// The routes behind their guards.
    fn router(&self) -> Router {
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
            let auditor = self.audit.auditor.clone();
            let handler = move |path: Path<BTreeMap<String, String>>,
                                query: Result<Query<BTreeMap<String, String>>, _>,
                                request: Request| {
                let (route, auditor) = (Arc::clone(&route), auditor.clone());
                async move {
                    let query: Result<_, axum::extract::rejection::QueryRejection> = query;
                    match call_of(path, query.ok(), request).await {
                        Ok(call) => answer(route, call, auditor).await,
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
        let guarded = (Arc::clone(&self.guards), Arc::clone(&self.open), self.audit.clone());
        router
            .fallback(missing)
            .method_not_allowed_fallback(not_so)
            .layer(from_fn_with_state(guarded, guard))
    }
}

/// What every request passes: the guards, the paths that are open, and who notes refusals.
type Guarded = (Arc<Guards>, Arc<BTreeSet<&'static str>>, Audit);

/// Lets a request through, or says why not; and adds to every answer what browsers must know.
async fn guard(
    State((guards, open, audit)): State<Guarded>,
    request: Request,
    next: Next,
) -> Response {
    // The page says nothing that its source does not; what it shows it asks for with the token.
    let is_open = open.contains(request.uri().path()) || page::is_of_it(request.uri().path());
    let mut response = match guards.check(request.method(), request.headers(), is_open) {
        Ok(()) => match timeout(limits::ANSWER_TIME, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let s = limits::ANSWER_TIME.as_secs();
                let message = format!("the request was not whole, or not answered, within {s} s");
                refusal(&ApiError::new("request_timeout", message))
            }
        },
        Err(error) => {
            audit.note_refusal(&request, &error);
            refusal(&error)
        }
    };
    security::add_to(response.headers_mut());
    response
}

impl Audit {
    /// Notes that a guard refused a change.
    fn note_refusal(&self, request: &Request, error: &ApiError) {
        let is_write = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        let Some(auditor) = self.auditor.clone().filter(|_| is_write && self.refusals.take())
        else {
            return;
        };
        let path: String = request.uri().path().chars().take(200).collect();
        let refused = Mutation {
            who: security::who(request.headers()),
            action: format!("{} {path}", request.method()),
            result: error.code.to_owned(),
            detail: error.message.clone(),
            by_guard: true,
            ..Mutation::default()
        };
        tokio::task::spawn_blocking(move || auditor.note(refused));
    }
}

/// What a request asks.
async fn call_of(
    Path(path): Path<BTreeMap<String, String>>,
    query: Option<Query<BTreeMap<String, String>>>,
    request: Request,
) -> Result<Call, ApiError> {
    let Some(Query(query)) = query else {
        return Err(ApiError::bad_request("what stands behind the ? cannot be read"));
    };
    let who = security::who(request.headers());
    // What cannot be read as a tag is a condition all the same.
    let if_match = match request.headers().get(header::IF_MATCH).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(tag)) => Some(tag.to_owned()),
        Some(Err(_)) => return Err(ApiError::bad_request("If-Match is no text: write a tag")),
    };
    let bytes = to_bytes(request.into_body(), limits::BODY_BYTES).await.map_err(|_| {
        let kib = limits::BODY_BYTES >> 10;
        ApiError::new("too_large", format!("the body is not whole, or longer than {kib} KiB"))
    })?;
    let body = match bytes.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::bad_request(format!("the body is no JSON: {error}")))?,
    };
    Ok(Call::new(path, query, body).of(who, if_match))
}

/// Has a blocking thread answer.
async fn answer(route: Arc<Route>, call: Call, auditor: Option<Arc<dyn Auditor>>) -> Response {
    let status = route.status;
    // Not behind those who wait for stores: whoever asks ends a process that does not answer.
    let answered = match route.path == probes::ALIVE {
        true => Ok(route.answer(&call)),
        false => {
            tokio::task::spawn_blocking(move || {
                let answered = route.answer(&call);
                if let Some(auditor) = auditor.filter(|_| route.method != Method::GET) {
                    auditor.note(mutation_of(&route, &call, &answered));
                }
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
        Ok(Ok(Reply::Events(subscription))) => events::response(subscription),
        Ok(Err(error)) => refusal(&error),
        // A panic was printed where it happened, or the server ends.
        Err(_) => refusal(&ApiError::new("failed", "the request could not be answered")),
    }
}

/// What was wanted, and what became of it.
fn mutation_of(route: &Route, call: &Call, answered: &Result<Reply, ApiError>) -> Mutation {
    let job = Some(call.path("name").to_owned()).filter(|name| !name.is_empty());
    let action = mutation::action(&route.method, route.path);
    let base = Mutation { who: call.who().to_owned(), action, job, ..Mutation::default() };
    match answered {
        Ok(Reply::Json(answer) | Reply::Tagged(answer, _)) => Mutation {
            result: "done".to_owned(),
            detail: mutation::told(call.body()),
            answer: answer.clone(),
            ..base
        },
        Ok(_) => Mutation { result: "done".to_owned(), ..base },
        Err(error) => {
            Mutation { result: error.code.to_owned(), detail: error.message.clone(), ..base }
        }
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

/// Accepts connections until it is stopped, and lets those end that are under way.
pub async fn accept(listener: TcpListener, listening: Listening) {
    let Listening { answers, connections, mut stopped } = listening;
    let router = answers.router();
    let places = Arc::new(Semaphore::new(connections));
    let refusals = Arc::new(Semaphore::new(limits::REFUSALS));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Too many open files, for instance: it passes when others close theirs.
                tracing::warn!("a connection could not be accepted: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
            let (router, stopped) = (router.clone(), stopped.clone());
            tokio::spawn(async move {
                converse(stream, router, stopped).await;
                drop(place);
            });
        } else if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
            tokio::spawn(async move {
                let _ = timeout(limits::STOP_PATIENCE, refuse(stream)).await;
                drop(place);
            });
        }
    }
    let all = u32::try_from(connections).unwrap_or(u32::MAX);
    let _ = timeout(limits::STOP_PATIENCE, places.acquire_many(all)).await;
}

/// Answers on one connection until either side ends it, or its time is over.
async fn converse(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES);
    let service = TowerToHyperService::new(router);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    tokio::select! {
        // An error is the other side's: it is gone, or does not speak HTTP.
        _ = connection.as_mut() => return,
        _ = stopped.changed() => {}
        () = sleep(limits::CONNECTION_LIFE) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(limits::STOP_PATIENCE, connection).await;
}

/// Says that there are too many connections, and closes.
async fn refuse(mut stream: TcpStream) {
    let error = ApiError::new(
        "too_many_requests",
        "there are as many connections as are answered: close some, or raise connections in [http]",
    );
    let body = error.json().to_string();
    let text = format!(
        "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
