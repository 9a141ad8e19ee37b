//! Tells a server that a version of a job has passed a test.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::server::path_of;
use super::submit::text_and_variables;
use crate::cli::exit::Usage;
use crate::cli::fetched::Fetched;
use crate::cli::stdio::tell;
use crate::cli::target::JobFileArg;
use crate::job::JobSpec;
use crate::serve::client::{Client, Credentials};

/// Which server is told.
#[derive(clap::Args)]
pub struct TellArgs {
    /// Tell the server at this address that the version of the job with this file has passed the
    /// test, unless rows are not as expected
    #[arg(long, value_name = "URL", requires = "job")]
    pub server: Option<String>,
    /// Server that keeps what is named as resource:NAME [default: that of --server, or
    /// http://127.0.0.1:8080]
    #[arg(long, value_name = "URL")]
    resources: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
}

/// Where a server listens by default.
const LOCAL: &str = "http://127.0.0.1:8080";

/// A test that passed.
pub struct Passed<'a> {
    /// What was tested.
    pub file: &'a JobFileArg,
    /// The same as a job.
    pub spec: &'a JobSpec,
    /// SHA-256 of the content of each resource that it names.
    pub resources: BTreeMap<String, String>,
    /// What was read ...
    pub input: Vec<String>,
    /// ... and how that was disturbed.
    pub disturbed: Option<String>,
    /// Whether rows were compared with expected ones.
    pub is_compared: bool,
    /// What the rows are named by: [`hash_of`] them ...
    pub result: String,
    /// ... and how many records ended where.
    pub tally: Tally,
}

/// How many records ended where.
pub struct Tally {
    /// Records read.
    pub read: u64,
    /// Those that came too late.
    pub late: u64,
    /// Other dead letters.
    pub rejected: u64,
    /// Rows.
    pub rows: u64,
}

impl TellArgs {
    /// A way to ask it, before the test begins.
    ///
    /// # Errors
    /// When the address is none, or there are credentials for no server.
    pub fn client(&self) -> anyhow::Result<Option<Client>> {
        match &self.server {
            Some(url) => Client::new(url, &self.credentials).map(Some),
            None if self.resources.is_some() => Ok(None),
            None => {
                self.credentials.check_unused()?;
                Ok(None)
            }
        }
    }

    /// What fetches files that a server keeps.
    pub fn fetched(&self) -> Fetched<'_> {
        let url = self.resources.as_deref().or(self.server.as_deref()).unwrap_or(LOCAL);
        Fetched::by(move || Client::new(url, &self.credentials))
    }
}

impl Passed<'_> {
    /// Tells it.
    ///
    /// # Errors
    /// What the server says: no version has this content, or it follows other rules there.
    pub fn tell(&self, client: &Client) -> anyhow::Result<()> {
        let path: &Path = self.file.job.as_deref().unwrap_or(Path::new(""));
        let (text, variables) = text_and_variables(path, &self.file.variables)?;
        let name = match self.file.read()?.service.name {
            Some(name) => name.to_string(),
            None => self.spec.group.clone(),
        };
        let input = self.input.iter().cloned();
        let input: Vec<String> = input.chain(self.disturbed.clone()).collect();
        let Tally { read, late, rejected, rows } = self.tally;
        let body = json!({
            "text": text,
            "variables": variables,
            "env": self.file.variables.env(),
            "resources": self.resources,
            "rules": self.spec.semantics_hash(),
            "input": input.join(" "),
            "result": self.result,
            "is_compared": self.is_compared,
            "read": read,
            "late": late,
            "rejected": rejected,
            "rows": rows,
        });
        let marked = client.post(&path_of(&name, "/tested"), &body).map_err(|error| {
            let why = format!("the test has passed, and the server was not told: {error:#}");
            match error.is::<Usage>() {
                true => Usage(why).into(),
                false => anyhow::anyhow!(why),
            }
        })?;
        tell(format_args!(
            "version {} of job {name} is {}",
            marked["version"],
            marked["stage"].as_str().unwrap_or_default()
        ));
        Ok(())
    }
}

/// SHA-256 of rows as JSON lines: the same of a file that `--write-rows` has written.
///
/// # Errors
/// When a row cannot be written so.
pub fn hash_of(rows: impl Iterator<Item = impl Serialize>) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for row in rows {
        hash.update(serde_json::to_vec(&row)?);
        hash.update(b"\n");
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
