//! The HTTP client of commands.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use ureq::Agent;

use crate::error::Usage;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server.
pub struct Client {
    url: String,
    token: Option<String>,
    /// Who asks, for the audit log.
    user: String,
    agent: Agent,
}

impl Client {
    /// The server at `url`, such as `http://127.0.0.1:8080`, with the token of a file.
    ///
    /// # Errors
    /// When the address is none, or the file cannot be read.
    pub fn new(url: &str, token_file: Option<&Path>) -> anyhow::Result<Client> {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let why = format!("--server {url}: write an address like http://127.0.0.1:8080");
            return Err(Usage(why).into());
        }
        let read = |path: &Path| {
            let text = fs::read_to_string(path);
            text.with_context(|| format!("reading the token in {}", path.display()))
        };
        let token = token_file.map(read).transpose()?.map(|text| text.trim().to_owned());
        let agent = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        let url = url.trim_end_matches('/').to_owned();
        Ok(Client { url, token, user: user(), agent })
    }

    /// What the server shows at a path below `/api/v1`.
    ///
    /// # Errors
    /// What the server says, or that it does not answer.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let mut request = self.agent.get(self.address(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.read(request.call())
    }

    /// Has the server do something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.post_at(path, body, None)
    }

    /// The same, where the thing that is changed must be of the version with that tag.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_at(&self, path: &str, body: &Value, at: Option<&str>) -> anyhow::Result<Value> {
        self.send(self.agent.post(self.address(path)), body, at)
    }

    /// Has the server keep something at a path.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn put_at(&self, path: &str, body: &Value, at: Option<&str>) -> anyhow::Result<Value> {
        self.send(self.agent.put(self.address(path)), body, at)
    }

    fn send(
        &self,
        request: ureq::RequestBuilder<ureq::typestate::WithBody>,
        body: &Value,
        at: Option<&str>,
    ) -> anyhow::Result<Value> {
        let mut request =
            request.header("X-Seismic-Request", "1").header("X-Seismic-User", &self.user);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(tag) = at {
            let tag = if tag == "*" { tag.to_owned() } else { format!("\"{tag}\"") };
            request = request.header("If-Match", tag);
        }
        let request = request.header("Content-Type", "application/json");
        self.read(request.send(body.to_string()))
    }

    /// Has the server forget something.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.delete_at(path, None)
    }

    /// The same, where the thing must be of the version with that tag.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn delete_at(&self, path: &str, at: Option<&str>) -> anyhow::Result<Value> {
        let mut request = self.agent.delete(self.address(path)).header("X-Seismic-Request", "1");
        request = request.header("X-Seismic-User", &self.user);
        if let Some(tag) = at {
            request = request.header("If-Match", tag);
        }
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.read(request.call())
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.url)
    }

    fn read(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<Value> {
        let mut answer = answer.map_err(|error| {
            anyhow!("no server answers at {}: {error}; `seismic serve` starts one", self.url)
        })?;
        let (status, text) = (answer.status(), answer.body_mut().read_to_string()?);
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(body);
        }
        match body["error"]["message"].as_str() {
            // What the request asked for does not fit: as wrong usage of a command.
            Some(message) if status.is_client_error() => Err(Usage(message.to_owned()).into()),
            Some(message) => bail!("{message}"),
            None => bail!("{} answered with status {status}", self.url),
        }
    }
}

/// Who asks: as the environment says.
fn user() -> String {
    let told = ["SEISMIC_USER", "USER", "LOGNAME"].map(|name| std::env::var(name).ok());
    let is_fine =
        |name: &String| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    told.into_iter().flatten().find(is_fine).unwrap_or_else(|| "local".to_owned())
}

/// A part of a path, as addresses write it.
#[must_use]
pub fn part(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            (byte as char).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_is_a_part_of_a_path() {
        assert_eq!(part("Küste-2"), "K%C3%BCste-2");
        assert_eq!(part("a/b?c"), "a%2Fb%3Fc");
    }
}
