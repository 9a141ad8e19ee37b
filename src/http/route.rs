//! A route: path, parameters, schemas and handler. The router and the OpenAPI description are
//! generated from the same list.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::http::{Method, StatusCode};
use serde_json::Value;

use super::events::Subscription;
use super::security::{Caller, Right, Role};
use super::upload::{FileContent, Upload, Uploaded};
use super::{ApiError, mutation};

/// What answers a call. It runs on a blocking thread of the server.
pub type Handler = Arc<dyn Fn(&Call) -> Result<Reply, ApiError> + Send + Sync>;

/// A route.
#[derive(Clone)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: Method,
    /// Where it is, as in `/api/v1/jobs/{name}`.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What may stand behind the `?`.
    pub query: Vec<Param>,
    /// Schema of the body that it takes.
    pub takes: Option<&'static str>,
    /// A file that it takes instead, as it comes.
    pub upload: Option<Upload>,
    /// Schema of what it gives; `None`: text.
    pub gives: Option<&'static str>,
    /// Media type of such a text.
    pub text_type: &'static str,
    /// Status of a good answer.
    pub status: StatusCode,
    /// Whether anyone may ask, as often as they like: probes.
    pub is_open: bool,
    /// Whether anyone may ask, as all else is asked: for a token.
    pub is_for_strangers: bool,
    /// What a caller needs for it. `None`: nobody has said so, and only admins may ask.
    pub right: Option<Right>,
    /// Whether those may ask who do not reach all jobs, though the path names none: it leaves out
    /// what they do not reach.
    pub is_for_some_jobs: bool,
    /// Whether it changes nothing, though it is no `GET`: it is in no audit log.
    pub only_looks: bool,
    /// Whether `If-Match` counts.
    pub has_versions: bool,
    /// What answers.
    pub handler: Handler,
}

/// A parameter behind the `?`.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// Whether it is a number.
    pub is_number: bool,
}

/// What a request asks.
#[derive(Clone, Debug)]
pub struct Call {
    path: BTreeMap<String, String>,
    query: BTreeMap<String, String>,
    body: Value,
    caller: Caller,
    if_match: Option<String>,
    uploaded: Option<Arc<Uploaded>>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// JSON.
    Json(Value),
    /// JSON of a thing that has versions, with the tag of this one.
    Tagged(Value, String),
    /// Text, with its media type.
    Text(&'static str, String),
    /// A file, as it is.
    File(FileContent),
    /// Events, as they come.
    Events(Subscription),
}

impl Route {
    /// A route that shows something.
    #[must_use]
    pub fn get(path: &'static str, summary: &'static str) -> Route {
        Route::new(Method::GET, path, summary)
    }

    /// A route that does something.
    #[must_use]
    pub fn post(path: &'static str, summary: &'static str) -> Route {
        Route::new(Method::POST, path, summary)
    }

    /// A route of any method.
    #[must_use]
    pub fn new(method: Method, path: &'static str, summary: &'static str) -> Route {
        let handler: Handler = Arc::new(|_| Err(ApiError::new("not_supported", "not here")));
        Route {
            method,
            path,
            summary,
            query: Vec::new(),
            takes: None,
            upload: None,
            gives: None,
            text_type: "text/plain",
            status: StatusCode::OK,
            is_open: false,
            is_for_strangers: false,
            right: None,
            is_for_some_jobs: false,
            only_looks: false,
            has_versions: false,
            handler,
        }
    }

    /// It takes this parameter, a number.
    #[must_use]
    pub fn number(mut self, name: &'static str, help: &'static str) -> Route {
        self.query.push(Param { name, help, is_number: true });
        self
    }

    /// It takes this parameter, a text.
    #[must_use]
    pub fn text(mut self, name: &'static str, help: &'static str) -> Route {
        self.query.push(Param { name, help, is_number: false });
        self
    }

    /// It takes a body of this schema.
    #[must_use]
    pub fn takes(mut self, schema: &'static str) -> Route {
        self.takes = Some(schema);
        self
    }

    /// Its body is a file.
    #[must_use]
    pub fn takes_file(mut self, upload: Upload) -> Route {
        self.upload = Some(upload);
        self
    }

    /// It gives JSON of this schema.
    #[must_use]
    pub fn gives(mut self, schema: &'static str) -> Route {
        self.gives = Some(schema);
        self
    }

    /// It gives text of this media type.
    #[must_use]
    pub fn gives_text(mut self, text_type: &'static str) -> Route {
        self.text_type = text_type;
        self
    }

    /// A good answer has this status.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Route {
        self.status = status;
        self
    }

    /// Anyone may ask.
    #[must_use]
    pub fn open(mut self) -> Route {
        self.is_open = true;
        self
    }

    /// Anyone may ask, within all other limits.
    #[must_use]
    pub fn for_strangers(mut self) -> Route {
        self.is_for_strangers = true;
        self
    }

    /// A caller needs this right.
    #[must_use]
    pub fn needs(mut self, right: Right) -> Route {
        self.right = Some(right);
        self
    }

    /// It leaves out, or refuses, what the caller does not reach.
    #[must_use]
    pub fn for_some_jobs(mut self) -> Route {
        self.is_for_some_jobs = true;
        self
    }

    /// It changes nothing, though it takes a body.
    #[must_use]
    pub fn only_looks(mut self) -> Route {
        self.only_looks = true;
        self
    }

    /// It changes a thing that has versions.
    #[must_use]
    pub fn versioned(mut self) -> Route {
        self.has_versions = true;
        self
    }

    /// What answers.
    #[must_use]
    pub fn handled(
        mut self,
        handler: impl Fn(&Call) -> Result<Reply, ApiError> + Send + Sync + 'static,
    ) -> Route {
        self.handler = Arc::new(handler);
        self
    }

    /// Names of the parameters in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }

    /// Whether the caller may ask this of what the path names.
    ///
    /// # Errors
    /// `forbidden` without the right that it needs, and for a job that the caller does not reach.
    pub fn check(&self, caller: &Caller, path: &BTreeMap<String, String>) -> Result<(), ApiError> {
        if self.is_open || self.is_for_strangers {
            return Ok(());
        }
        let right = self.right.unwrap_or(Right::Administer);
        if let (Some(request), false) = (caller.request(), caller.may(right)) {
            let why = format!(
                "this token is that of request {request}, which is not granted: `seismic token requests --own` \
                 says what became of it"
            );
            return Err(ApiError::new("forbidden", why));
        }
        if !caller.may(right) {
            let able = Role::ALL.into_iter().filter(|role| role.rights().contains(&right));
            let able: Vec<&str> = able.map(Role::name).collect();
            let (who, has, needs) = (&caller.who, caller.roles(), able.join(" or "));
            let what = mutation::action(&self.method, self.path);
            return Err(ApiError::new(
                "forbidden",
                format!("token {who} has the role {has}, and {what:?} needs the role {needs}"),
            ));
        }
        match path.get("name") {
            Some(job) => caller.check_reach(job),
            None if self.is_for_some_jobs || caller.scope().is_all() => Ok(()),
            None => {
                let (who, scope) = (&caller.who, caller.scope());
                let why = format!("token {who} is for jobs {scope}, and this is about all of them");
                Err(ApiError::new("forbidden", why))
            }
        }
    }

    /// Answers a call, after a look at its parameters.
    ///
    /// # Errors
    /// Those of the handler, and `bad_request` for a parameter that the route does not have.
    pub fn answer(&self, call: &Call) -> Result<Reply, ApiError> {
        for name in call.query.keys() {
            if !self.query.iter().any(|param| param.name == name) {
                let known: Vec<&str> = self.query.iter().map(|param| param.name).collect();
                let known = match known.is_empty() {
                    true => "it takes none".to_owned(),
                    false => format!("it takes {}", known.join(", ")),
                };
                return Err(ApiError::bad_request(format!(
                    "{} has no parameter {name:?}: {known}",
                    self.path
                )));
            }
        }
        (self.handler)(call)
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Call {
    /// A call with what its path, its query and its body say.
    #[must_use]
    pub fn new(
        path: BTreeMap<String, String>,
        query: BTreeMap<String, String>,
        body: Value,
    ) -> Call {
        Call { path, query, body, caller: Caller::local("local"), if_match: None, uploaded: None }
    }

    /// The same call of somebody.
    #[must_use]
    pub fn of(self, caller: Caller) -> Call {
        Call { caller, ..self }
    }

    /// The same call, which says what the thing is that it is to change.
    #[must_use]
    pub fn at(self, if_match: Option<String>) -> Call {
        Call { if_match, ..self }
    }

    /// The same call with a file that has come with it.
    #[must_use]
    pub fn with_file(self, uploaded: Uploaded) -> Call {
        Call { uploaded: Some(Arc::new(uploaded)), ..self }
    }

    /// The file that has come with it.
    #[must_use]
    pub fn uploaded(&self) -> Option<&Uploaded> {
        self.uploaded.as_deref()
    }

    /// What who asks is called.
    #[must_use]
    pub fn who(&self) -> &str {
        &self.caller.who
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// What `If-Match` says, without quotes: the version that is to be changed, or `*`.
    #[must_use]
    pub fn if_match(&self) -> Option<&str> {
        let told = self.if_match.as_deref()?.trim();
        Some(told.trim_start_matches("W/").trim_matches('"'))
    }

    /// A part of the path.
    #[must_use]
    pub fn path(&self, name: &str) -> &str {
        self.path.get(name).map_or("", String::as_str)
    }

    /// A text behind the `?`.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A number behind the `?`, at most `most`.
    ///
    /// # Errors
    /// `bad_request` for what is no number, or too large.
    pub fn number(&self, name: &str, default: u64, most: u64) -> Result<u64, ApiError> {
        let Some(text) = self.query(name) else { return Ok(default) };
        match text.parse() {
            Ok(number) if number <= most => Ok(number),
            _ => Err(ApiError::bad_request(format!(
                "{name}={text}: write a whole number between 0 and {most}"
            ))),
        }
    }

    /// A text of the body.
    ///
    /// # Errors
    /// `bad_request` without one.
    pub fn body_text(&self, name: &str) -> Result<&str, ApiError> {
        self.body[name].as_str().ok_or_else(|| {
            ApiError::bad_request(format!("the body is to be JSON with a text {name:?}"))
        })
    }

    /// The body; null without one.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(query: &[(&str, &str)]) -> Call {
        let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Call::new(BTreeMap::new(), query.collect(), Value::Null)
    }

    #[test]
    fn what_a_route_does_not_take_is_refused_with_what_it_takes() {
        let route = Route::get("/x", "X")
            .number("limit", "How many")
            .handled(|call| Ok(Reply::Json(call.number("limit", 5, 10)?.into())));
        assert_eq!(route.answer(&call(&[])), Ok(Reply::Json(5.into())));
        assert_eq!(route.answer(&call(&[("limit", "10")])), Ok(Reply::Json(10.into())));
        for (query, why) in [
            (("limit", "11"), "between 0 and 10"),
            (("limit", "-1"), "between 0 and 10"),
            (("offset", "1"), "it takes limit"),
        ] {
            let refused = route.answer(&call(&[query])).unwrap_err();
            assert_eq!(refused.code, "bad_request");
            assert!(refused.message.contains(why), "{}", refused.message);
        }
    }
}
