//! What is told to whoever keeps a log: each change that was wanted, and who was refused. Refusals
//! are bounded: whoever guesses must not fill the log by it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{Method, header};

use crate::http::security::{self, Caller, RateLimit};
use crate::http::{ApiError, Auditor, Call, Mutation, Reply, Route, limits, mutation};

/// Characters of a path in an entry.
const PATH: usize = 200;

/// Who notes what is changed, and how many refusals a second.
#[derive(Clone)]
pub struct Audit {
    auditor: Option<Arc<dyn Auditor>>,
    /// Of those whom nobody knows.
    guesses: Arc<RateLimit>,
    /// Of those with a token: who guesses hides none of these.
    denials: Arc<RateLimit>,
}

impl Audit {
    /// Notes with this auditor; without one, nothing.
    pub fn by(auditor: Option<Arc<dyn Auditor>>) -> Audit {
        let limit = || Arc::new(RateLimit::new(limits::REFUSALS_NOTED_PER_S));
        Audit { auditor, guesses: limit(), denials: limit() }
    }

    /// Notes that a guard refused a request: a change, or one with a token that does not count. That
    /// somebody looks without a token is only counted: each page begins so.
    pub fn note_refusal(&self, request: &Request, error: &ApiError) {
        let is_guess = request.headers().contains_key(header::AUTHORIZATION);
        if !is_guess && !is_write(request.method()) {
            return;
        }
        let path: String = request.uri().path().chars().take(PATH).collect();
        self.note_bounded(&self.guesses, || Mutation {
            who: security::who(request.headers()),
            action: format!("{} {path}", request.method()),
            ..refused(error)
        });
    }

    /// Notes that somebody who is known wanted what they may not.
    pub fn note_denial(
        &self,
        route: &Route,
        caller: &Caller,
        path: &BTreeMap<String, String>,
        error: &ApiError,
    ) {
        self.note_bounded(&self.denials, || Mutation {
            who: caller.who.clone(),
            is_proved: caller.is_proved(),
            action: mutation::action(&route.method, route.path),
            job: path.get("name").cloned(),
            ..refused(error)
        });
    }

    fn note_bounded(&self, limit: &RateLimit, made: impl FnOnce() -> Mutation) {
        if let Some(auditor) = self.auditor.clone().filter(|_| limit.take()) {
            let mutation = made();
            tokio::task::spawn_blocking(move || auditor.note(mutation));
        }
    }

    /// Notes what became of a change. It is called from a blocking thread.
    pub fn note_answer(&self, route: &Route, call: &Call, answered: &Result<Reply, ApiError>) {
        let is_noted = is_write(&route.method) && !route.only_looks;
        if let Some(auditor) = self.auditor.as_ref().filter(|_| is_noted) {
            auditor.note(mutation_of(route, call, answered));
        }
    }
}

fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// What is the same of all refusals.
fn refused(error: &ApiError) -> Mutation {
    Mutation {
        result: error.code.to_owned(),
        detail: error.message.clone(),
        by_guard: true,
        ..Mutation::default()
    }
}

/// What a path names that is no job.
const NAMED: [&str; 3] = ["token", "resource", "request"];

/// What was wanted, and what became of it.
fn mutation_of(route: &Route, call: &Call, answered: &Result<Reply, ApiError>) -> Mutation {
    let job = Some(call.path("name").to_owned()).filter(|name| !name.is_empty());
    let base = Mutation {
        who: call.who().to_owned(),
        is_proved: call.caller().is_proved(),
        action: mutation::action(&route.method, route.path),
        job,
        by_guard: call.caller().is_anybody(),
        ..Mutation::default()
    };
    let told = |text: String| {
        let named = NAMED.iter().map(|name| (*name, call.path(name)));
        let named =
            named.filter(|(_, it)| !it.is_empty()).map(|(name, it)| format!("{name}: {it}"));
        let hash = call.uploaded().map(|file| format!("sha256: {}", file.sha256()));
        let parts = named.chain(hash).chain(Some(text).filter(|text| !text.is_empty()));
        parts.collect::<Vec<_>>().join(", ")
    };
    match answered {
        Ok(Reply::Json(answer) | Reply::Tagged(answer, _)) => {
            // What was decided about is said as a whole: the request may be forgotten one day.
            let texts = [mutation::told(call.body()), mutation::told(&answer["about"])];
            let texts: Vec<String> = texts.into_iter().filter(|it| !it.is_empty()).collect();
            Mutation {
                result: "done".to_owned(),
                detail: told(texts.join(", ")),
                // The name of a resource is none of a job.
                answer: match call.path("resource") {
                    "" => mutation::named(answer),
                    _ => serde_json::Value::Null,
                },
                ..base
            }
        }
        Ok(_) => Mutation { result: "done".to_owned(), detail: told(String::new()), ..base },
        Err(error) => {
            Mutation { result: error.code.to_owned(), detail: told(error.message.clone()), ..base }
        }
    }
}
