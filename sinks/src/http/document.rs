//! A document at an address over HTTP, read as a whole, for jobs that look things up in it.
//!
//! What is there belongs to someone else: at most so many bytes of it are read, within so much time, and
//! a redirection is told and not followed, since a secret would go along.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use seismic_queue::Kind;

use super::{address, client};
use crate::options::{OptionKind, SinkOption};
use crate::{Error, Result, limits};

/// How an address looks.
pub const FORM: &str = "http[s]://[USER@]HOST[:PORT]/PATH";

/// Where a secret is taken from when no file is named.
const PASSWORD_VARIABLE: &str = "SEISMIC_SOURCE_HTTP_PASSWORD";
/// See [`PASSWORD_VARIABLE`].
const TOKEN_VARIABLE: &str = "SEISMIC_SOURCE_HTTP_TOKEN";

/// Names in a query that a secret has.
const SECRETS: [&str; 12] = [
    "token",
    "access_token",
    "key",
    "apikey",
    "api_key",
    "api-key",
    "secret",
    "password",
    "p",
    "sig",
    "signature",
    "auth",
];

/// What is said beside an address.
pub const OPTIONS: [SinkOption; 3] = [
    SinkOption {
        name: "password_file",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "file with the password of the address's user; without it the variable \
              SEISMIC_SOURCE_HTTP_PASSWORD",
    },
    SinkOption {
        name: "token_file",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "file with a token that is sent as a bearer; without it the variable \
              SEISMIC_SOURCE_HTTP_TOKEN, unless the address has a user",
    },
    SinkOption {
        name: "ssl_ca",
        kind: OptionKind::Text("FILE"),
        default: "",
        doc: "PEM file of the trusted certificate authorities; empty: those that browsers trust",
    },
];

/// A document at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpDocument {
    /// As it is written.
    address: String,
    url: String,
    user: Option<String>,
    options: BTreeMap<String, String>,
}

impl HttpDocument {
    /// The one at that address.
    ///
    /// # Errors
    /// What to write instead.
    pub fn new(
        address: &str,
        options: &BTreeMap<String, String>,
    ) -> std::result::Result<HttpDocument, String> {
        let known = || OPTIONS.iter().map(|option| option.name);
        if let Some(strange) = options.keys().find(|key| !known().any(|name| name == *key)) {
            let all: Vec<_> = known().collect();
            return Err(format!(
                "{strange} is for tables of a database: documents have {}",
                all.join(", ")
            ));
        }
        let (place, query) = address.split_once('?').unwrap_or((address, ""));
        let (base, user) = address::read(place, FORM, PASSWORD_VARIABLE)?;
        if query.contains(['#', ' ']) || query.contains(char::is_control) {
            return Err(format!("its address has more than host, path and query; write {FORM}"));
        }
        let names = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")).0);
        let is_secret = |name: &str| SECRETS.iter().any(|it| it.eq_ignore_ascii_case(name));
        if let Some(name) = names.into_iter().find(|name| is_secret(name)) {
            return Err(format!(
                "{name} in its address is a secret, which status and backups would show: write it into a \
                 file and name that, as in token_file = \"FILE\", or set the variable {TOKEN_VARIABLE}"
            ));
        }
        if options.contains_key("password_file") && user.is_none() {
            return Err(format!("password_file needs a user in the address; write {FORM}"));
        }
        if options.contains_key("token_file") && user.is_some() {
            return Err("token_file and a user are two logins: leave one of them out".to_owned());
        }
        if options.contains_key("ssl_ca") && !base.starts_with("https://") {
            return Err("ssl_ca checks nothing without https".to_owned());
        }
        let url = if query.is_empty() { base } else { format!("{base}?{query}") };
        Ok(HttpDocument { address: address.to_owned(), url, user, options: options.clone() })
    }

    /// As it is written.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What was said beside it.
    #[must_use]
    pub fn options(&self) -> &BTreeMap<String, String> {
        &self.options
    }

    /// The files that it reads, with the keys that name them.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, PathBuf)> {
        let file = |option: &SinkOption| {
            self.options.get(option.name).map(|path| (option.name, PathBuf::from(path)))
        };
        OPTIONS.iter().filter_map(file).collect()
    }

    /// Reads it: at most so many bytes.
    ///
    /// # Errors
    /// When it is not there, is longer, or does not come in time.
    pub fn read(&self, bytes: usize) -> Result<Vec<u8>> {
        self.read_within(bytes, limits::TABLE_PATIENCE)
    }

    /// The same, within that time.
    ///
    /// # Errors
    /// As [`HttpDocument::read`].
    pub fn read_within(&self, bytes: usize, patience: Duration) -> Result<Vec<u8>> {
        let failed = |what: String, kind| {
            let (place, doing) = (self.address.clone(), "reading the table");
            Error::Database { place, doing, what, kind }
        };
        let of_ureq = |error: ureq::Error| match error {
            ureq::Error::Timeout(_) => {
                let seconds = patience.as_secs_f64();
                failed(format!("it did not come whole within {seconds} s"), Kind::Retry)
            }
            ureq::Error::BodyExceedsLimit(_) => {
                failed(format!("it is longer than {} MiB", bytes >> 20), Kind::Config)
            }
            error => {
                let what = error.to_string();
                let is_for_good = what.contains("certificate")
                    || matches!(error, ureq::Error::Tls(_) | ureq::Error::BadUri(_));
                failed(what, if is_for_good { Kind::Config } else { Kind::Retry })
            }
        };
        let option = |name: &str| self.options.get(name).map(PathBuf::from);
        let agent = client::agent(patience, option("ssl_ca").as_deref())?;
        let mut request = agent.get(&self.url).header("Accept", "application/json");
        if let Some(login) = self.login(option("password_file"), option("token_file"))? {
            request = request.header("Authorization", login);
        }
        let mut answer = request.call().map_err(of_ureq)?;
        let status = answer.status();
        let read = |answer: &mut ureq::http::Response<ureq::Body>, most: u64| {
            answer.body_mut().with_config().limit(most).read_to_vec()
        };
        match status.as_u16() {
            // What says that it is longer is not begun with.
            200 if answer.body().content_length().is_some_and(|length| length > bytes as u64) => {
                Err(of_ureq(ureq::Error::BodyExceedsLimit(bytes as u64)))
            }
            200 => read(&mut answer, bytes as u64).map_err(of_ureq),
            300..400 => {
                let to = answer.headers().get("Location");
                let to = to.and_then(|it| it.to_str().ok()).unwrap_or("nowhere");
                let to = &to[..to.floor_char_boundary(WORDS_BYTES)];
                let what = format!("the server says {status}, to {to:?}: write that address");
                Err(failed(what, Kind::Config))
            }
            code => {
                let said = read(&mut answer, limits::ANSWER_BYTES).unwrap_or_default();
                let said = String::from_utf8_lossy(&said).replace(char::is_control, " ");
                let said = said[..said.floor_char_boundary(WORDS_BYTES)].trim().to_owned();
                let passes = matches!(code, 408 | 425 | 429 | 500..);
                let kind = if passes { Kind::Retry } else { Kind::Config };
                Err(failed(format!("the server says {status}: {said}"), kind))
            }
        }
    }

    /// The header of whoever logs in.
    fn login(&self, password: Option<PathBuf>, token: Option<PathBuf>) -> Result<Option<String>> {
        Ok(match &self.user {
            Some(user) => {
                let password = address::secret(password.as_deref(), PASSWORD_VARIABLE)?;
                Some(address::basic(user, password))
            }
            None => {
                let token = address::secret(token.as_deref(), TOKEN_VARIABLE)?;
                token.map(|token| format!("Bearer {token}"))
            }
        })
    }
}

/// What is shown of what a server says, in bytes.
const WORDS_BYTES: usize = 200;
