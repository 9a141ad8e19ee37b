//! The server, indices and credentials, from the target and options of a sink.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::index_pattern::IndexPattern;
use crate::http::address;
use crate::http::answer::Server;
use crate::rows::columns::Choice;
use crate::{Result, SinkSpec};

/// Where the password is taken from when no file is named.
pub(super) const PASSWORD_VARIABLE: &str = "SEISMIC_SINK_OPENSEARCH_PASSWORD";
/// Where an API key is taken from when no file is named.
pub(super) const API_KEY_VARIABLE: &str = "SEISMIC_SINK_OPENSEARCH_API_KEY";

/// How an address looks.
pub(super) const FORM: &str = "opensearch:http[s]://[USER@]HOST:PORT";

/// A server, and how the sink writes there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The same place has the same name, whoever connects.
    pub(super) name: String,
    /// Where the server is, without a slash at its end.
    pub(super) base: String,
    user: Option<String>,
    password_file: Option<PathBuf>,
    api_key_file: Option<PathBuf>,
    authority: Option<PathBuf>,
    pub(super) pattern: IndexPattern,
    /// The field that names an index.
    pub(super) time: String,
    pub(super) choice: Choice,
    /// Whether it makes a template and an index that are missing.
    pub(super) creates: bool,
    /// Longest request, in bytes.
    pub(super) batch_bytes: usize,
}

impl Target {
    /// Reads a spec; every fault at once. Secrets are not read yet.
    pub(super) fn read(spec: &SinkSpec) -> std::result::Result<Target, Vec<String>> {
        let mut faults = Vec::new();
        let address = address::read(spec.target(), FORM, PASSWORD_VARIABLE);
        let address = address.map_err(|fault| faults.push(fault)).ok();
        let pattern = IndexPattern::read(spec.text("index"));
        let pattern = pattern.map_err(|fault| faults.push(fault)).ok();
        let choice = Choice::read(spec.text("columns"));
        let choice = choice.map_err(|fault| faults.push(fault)).ok();
        let [password_file, api_key_file, authority] = ["password_file", "api_key_file", "ssl_ca"]
            .map(|name| address::some_path(spec.text(name)));
        let has_user = address.as_ref().is_some_and(|(_, user)| user.is_some());
        if address.is_some() && password_file.is_some() && !has_user {
            faults.push(format!("password_file needs a user in the address; write {FORM}"));
        }
        if api_key_file.is_some() && has_user {
            faults.push("a user of the address and api_key_file exclude each other".to_owned());
        }
        let is_https = address.as_ref().is_none_or(|(base, _)| base.starts_with("https://"));
        if authority.is_some() && !is_https {
            faults.push("ssl_ca checks nothing without https".to_owned());
        }
        let (Some((base, user)), Some(pattern), Some(choice), true) =
            (address, pattern, choice, faults.is_empty())
        else {
            return Err(faults);
        };
        Ok(Target {
            name: format!("opensearch:{base},index={}", pattern.text),
            base,
            user,
            password_file,
            api_key_file,
            authority,
            pattern,
            time: spec.text("time").to_owned(),
            choice,
            creates: spec.text("create") == "true",
            batch_bytes: usize::try_from(spec.number("batch_bytes")).unwrap_or(usize::MAX),
        })
    }

    /// As [`Target::read`], for a spec that was checked when it was made.
    pub(super) fn of(spec: &SinkSpec) -> Result<Target> {
        Target::read(spec).map_err(|faults| spec.refusal(&faults))
    }

    /// The server, as whoever asks it with that patience has it.
    pub(super) fn server(&self, patience: Duration) -> Result<Server> {
        Server::new(
            &self.name,
            &self.base,
            self.authorization()?,
            (patience, self.authority.as_deref()),
        )
    }

    /// Whether secrets go over the network as they are.
    pub(super) fn is_open(&self) -> bool {
        self.base.starts_with("http://") && self.authorization().is_ok_and(|it| it.is_some())
    }

    /// The header of whoever logs in.
    fn authorization(&self) -> Result<Option<String>> {
        if let Some(user) = &self.user {
            let password = address::secret(self.password_file.as_deref(), PASSWORD_VARIABLE)?;
            return Ok(Some(address::basic(user, password)));
        }
        let key = address::secret(self.api_key_file.as_deref(), API_KEY_VARIABLE)?;
        // Servers give it out in both forms, and take the second.
        let encoded = |key: String| if key.contains(':') { STANDARD.encode(key) } else { key };
        Ok(key.filter(|key| !key.is_empty()).map(|key| format!("ApiKey {}", encoded(key))))
    }
}
