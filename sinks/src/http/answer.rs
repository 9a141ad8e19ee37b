//! One request to a server over HTTP, and its answer.

use std::time::Duration;

use seismic_queue::Kind;
use ureq::Agent;

use super::client;
use crate::{Error, Result};

/// What a server answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request<'a> {
    Get,
    Put(&'a [u8]),
    Post(&'a [u8]),
}

/// A server, and who asks.
pub(super) struct Server {
    agent: Agent,
    /// Name of the sink, for messages.
    place: String,
    /// What paths stand behind.
    base: String,
    /// Value of the header with the credentials.
    authorization: Option<String>,
}

impl Server {
    /// It does not connect yet.
    pub(super) fn new(
        place: &str,
        base: &str,
        authorization: Option<String>,
        (patience, authority): (Duration, Option<&std::path::Path>),
    ) -> Result<Server> {
        let agent = client::agent(patience, authority)?;
        Ok(Server { agent, place: place.to_owned(), base: base.to_owned(), authorization })
    }

    /// The answer, whatever it says; at most so many bytes of it.
    ///
    /// # Errors
    /// When there is none: what was asked for may be done all the same.
    pub(super) fn ask(
        &self,
        doing: &'static str,
        request: Request<'_>,
        path: &str,
        answer_bytes: u64,
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let content =
            if path.contains("_bulk") { "application/x-ndjson" } else { "application/json" };
        let answered = match request {
            Request::Get => self.with_login(self.agent.get(&url)).call(),
            Request::Put(body) => {
                self.with_login(self.agent.put(&url)).header("Content-Type", content).send(body)
            }
            Request::Post(body) => {
                self.with_login(self.agent.post(&url)).header("Content-Type", content).send(body)
            }
        };
        let failed = |error: &ureq::Error| failure(&self.place, doing, error);
        let mut answered = answered.map_err(|error| failed(&error))?;
        let status = answered.status().as_u16();
        let body = answered.body_mut().with_config().limit(answer_bytes).read_to_vec();
        Ok(Answer { status, body: body.map_err(|error| failed(&error))? })
    }

    fn with_login<T>(&self, request: ureq::RequestBuilder<T>) -> ureq::RequestBuilder<T> {
        // Some would answer in XML.
        let request = request.header("Accept", "application/json");
        match &self.authorization {
            Some(value) => request.header("Authorization", value),
            None => request,
        }
    }
}

/// There is no answer.
fn failure(place: &str, doing: &'static str, error: &ureq::Error) -> Error {
    let what = match error {
        ureq::Error::Timeout(_) => "the server answers nothing within the time for it".to_owned(),
        ureq::Error::BodyExceedsLimit(most) => {
            format!("the answer is longer than {} MiB", most >> 20)
        }
        error => error.to_string(),
    };
    // A certificate that is not believed comes as an error of the connection.
    let of_tls = what.contains("certificate")
        || matches!(error, ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::BadUri(_));
    let is_for_good = of_tls || matches!(error, ureq::Error::BodyExceedsLimit(_));
    let kind = if is_for_good { Kind::Config } else { Kind::Retry };
    Error::Database { place: place.to_owned(), doing, what, kind }
}

/// Whether an error says that the server did not answer in time.
pub(super) fn is_timeout(error: &Error) -> bool {
    matches!(error, Error::Database { what, .. } if what.contains("answers nothing within"))
}

/// An answer that is not what the server should say: someone between may have cut it.
pub(super) fn unread(place: &str, doing: &'static str) -> Error {
    let what = "the server's answer is none that it should give".to_owned();
    Error::Database { place: place.to_owned(), doing, what, kind: Kind::Retry }
}
