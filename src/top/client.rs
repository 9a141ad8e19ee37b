//! Requests JSON from a server.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::Agent;

use crate::serve::client::Credentials;

/// Longest wait for a server.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is read: some thousands of jobs.
const ANSWER_BYTES: u64 = 16 << 20;

/// A server, and the token that it may want.
#[derive(Clone)]
pub struct Client {
    /// `HOST:PORT`.
    pub server: String,
    scheme: &'static str,
    token: Option<String>,
    agent: Agent,
}

impl Client {
    /// The server at `HOST:PORT`, or at a URL.
    ///
    /// # Errors
    /// When token or certificates cannot be read.
    pub fn new(address: &str, credentials: &Credentials) -> anyhow::Result<Client> {
        let (scheme, server) = match address.strip_prefix("https://") {
            Some(server) => ("https", server),
            None => ("http", address.strip_prefix("http://").unwrap_or(address)),
        };
        let server = server.trim_end_matches('/').to_owned();
        let (token, agent) = (credentials.token()?, credentials.agent(PATIENCE)?);
        Ok(Client { server, scheme, token, agent })
    }

    /// What the server has at `path`.
    ///
    /// # Errors
    /// When it cannot be reached, or has something to say against it.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let Client { server, scheme, token, agent } = self;
        let mut request = agent.get(format!("{scheme}://{server}{path}"));
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let mut answer = request.call().with_context(|| {
            format!("no response from {server}; start a job with `seismic run --http {server}`")
        })?;
        let status = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES).read_to_string();
        let text = read.with_context(|| format!("asking {server}"))?;
        parse(status, &text).with_context(|| format!("the answer of {server} to {path}"))
    }
}

/// What an answer says.
fn parse(status: u16, body: &str) -> anyhow::Result<Value> {
    let json: Result<Value, _> = serde_json::from_str(body);
    match (status, json) {
        (200, Ok(json)) => Ok(json),
        (200, Err(error)) => Err(error).context("it is no JSON"),
        (status, json) => {
            let said = json.ok().and_then(|it| it["error"]["message"].as_str().map(str::to_owned));
            bail!("{status}: {}", said.unwrap_or_else(|| "no reason is given".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_body_or_what_the_server_says_against_it() {
        let good = parse(200, "{\"jobs\":[]}").unwrap();
        assert_eq!(good, serde_json::json!({ "jobs": [] }));
        let refused = parse(401, "{\"error\":{\"code\":\"x\",\"message\":\"a token\"}}");
        assert_eq!(refused.unwrap_err().to_string(), "401: a token");
        assert!(parse(200, "<html>").is_err());
    }
}
