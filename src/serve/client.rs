//! The HTTP client of commands.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use anyhow::{anyhow, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::Usage;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a file may take to come or go.
const FILE_PATIENCE: Duration = Duration::from_secs(300);

/// The variable with the token where no file is named.
const TOKEN_VARIABLE: &str = "SEISMIC_TOKEN";

/// What a command has to show to a server, and what it wants to see. A token is never said on a
/// command line, where everyone on the machine reads it.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Credentials {
    /// File with the token for the server; without one, the variable SEISMIC_TOKEN
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// File with certificates in PEM of whom the server's is to be signed by; without one, by a
    /// public authority
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

impl Credentials {
    /// The token, from the file or the environment.
    ///
    /// # Errors
    /// When the file cannot be read, or what it has is no token.
    pub fn token(&self) -> anyhow::Result<Option<String>> {
        let (text, place) = match &self.token_file {
            Some(path) => {
                let read = fs::read_to_string(path);
                let place = path.display().to_string();
                let cannot =
                    |error| Usage(format!("the token file {place} cannot be read: {error}"));
                (read.map_err(cannot)?, place)
            }
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(text) if !text.trim().is_empty() => (text, TOKEN_VARIABLE.to_owned()),
                _ => return Ok(None),
            },
        };
        let token = text.trim();
        // A line more would be another header of the request.
        match !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Some(token.to_owned())),
            false => Err(Usage(format!("{place} has no token: write one word of ASCII")).into()),
        }
    }

    /// That none are given where no server is asked.
    ///
    /// # Errors
    /// [`Usage`] when there are.
    pub fn check_unused(&self) -> Result<(), Usage> {
        match self.token_file.is_some() || self.ca_file.is_some() {
            true => Err(Usage(
                "--token-file and --ca-file are for a server: name it with --server".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// What asks servers, each question within that time.
    ///
    /// # Errors
    /// When certificates cannot be read.
    pub fn agent(&self, patience: Duration) -> anyhow::Result<Agent> {
        let tls = TlsConfig::builder().root_certs(self.roots()?).build();
        let config = Agent::config_builder()
            .timeout_global(Some(patience))
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0);
        Ok(config.build().into())
    }

    fn roots(&self) -> anyhow::Result<RootCerts> {
        let Some(path) = &self.ca_file else { return Ok(RootCerts::WebPki) };
        let name = path.display();
        let pem = fs::read(path)
            .map_err(|error| Usage(format!("--ca-file {name} cannot be read: {error}")))?;
        let found: Result<Vec<PemItem<'_>>, _> = parse_pem(&pem).collect();
        let found = found.map_err(|error| Usage(format!("--ca-file {name}: {error}")))?;
        let all: Vec<Certificate<'static>> = found
            .into_iter()
            .filter_map(|item| match item {
                PemItem::Certificate(certificate) => Some(certificate),
                _ => None,
            })
            .collect();
        match all.is_empty() {
            true => Err(Usage(format!("--ca-file {name} has no certificate in PEM")).into()),
            false => Ok(RootCerts::new_with_certs(&all)),
        }
    }
}

/// A server.
pub struct Client {
    url: String,
    token: Option<String>,
    /// Who asks, for the audit log.
    user: String,
    agent: Agent,
}

impl Client {
    /// The server at `url`, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the address is none, or a file cannot be read.
    pub fn new(url: &str, credentials: &Credentials) -> anyhow::Result<Client> {
        if !(url.starts_with("http://") || url.starts_with("https://")) {
            let why = format!("--server {url}: write an address like http://127.0.0.1:8080");
            return Err(Usage(why).into());
        }
        let token = credentials.token()?;
        if token.is_some() && url.starts_with("http://") && !is_here(url) {
            tracing::warn!(
                "{url} is not encrypted: whoever is on the way can read the token; use https"
            );
        }
        let agent = credentials.agent(PATIENCE)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Client { url, token, user: user(), agent })
    }

    /// Whether it has a token to show.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
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

    /// Has the server keep a file at a path.
    ///
    /// # Errors
    /// As [`Client::get`], and when the file cannot be read.
    pub fn put_file(&self, path: &str, file: fs::File) -> anyhow::Result<Value> {
        let request = self.agent.put(self.address(path)).header("X-Seismic-Request", "1");
        let mut request = request.header("X-Seismic-User", &self.user);
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let bytes = file.metadata()?.len();
        let request = request
            .header("Content-Type", "application/octet-stream")
            .header("Content-Length", bytes)
            .config()
            .timeout_global(Some(FILE_PATIENCE))
            .build();
        self.read(request.send(file))
    }

    /// Writes the file that the server keeps at a path.
    ///
    /// # Errors
    /// As [`Client::get`], and when it cannot be written.
    pub fn get_file(&self, path: &str, into: &mut dyn io::Write) -> anyhow::Result<()> {
        let mut request = self.agent.get(self.address(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let request = request.config().timeout_global(Some(FILE_PATIENCE)).build();
        match request.call() {
            Ok(mut answer) if answer.status().is_success() => {
                io::copy(&mut answer.body_mut().as_reader(), into)?;
                Ok(())
            }
            answer => self.read(answer).map(drop),
        }
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
            let remedy = match self.url.starts_with("https:") {
                true => "--ca-file names who signed its certificate",
                false => "`seismic serve` starts one",
            };
            anyhow!("no server answers at {}: {error}; {remedy}", self.url)
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

/// Whether the address is on this machine.
fn is_here(url: &str) -> bool {
    let Some(host) = url.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)) else {
        return false;
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => {
            (bare, 0).to_socket_addrs().is_ok_and(|mut all| all.all(|it| it.ip().is_loopback()))
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
