//! The source of jobs: the API of a server, or the store of one job.

use serde::Deserialize as _;

use super::client::Client;
use crate::http::model::JobEntry;
use crate::job::location::Location;
use crate::serve::client::Credentials;
use crate::status;
use crate::status::numbers::JobNumbers;

/// Where the jobs are looked at.
#[derive(Clone)]
pub enum Source {
    /// A server's API.
    Server(Client),
    /// The store of one job, which need not run.
    Store(Box<Location>),
}

impl Source {
    /// The server at `HOST:PORT`, or at a URL.
    ///
    /// # Errors
    /// When token or certificates cannot be read.
    pub fn server(address: &str, credentials: &Credentials) -> anyhow::Result<Source> {
        Ok(Source::Server(Client::new(address, credentials)?))
    }

    /// What it is, as text.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Source::Server(client) => client.server.clone(),
            Source::Store(location) => format!("the store of group {}", location.group),
        }
    }

    /// The jobs as they are now.
    ///
    /// # Errors
    /// When they cannot be looked at.
    pub fn look(&self) -> anyhow::Result<Vec<JobEntry>> {
        match self {
            Source::Server(client) => {
                let jobs = client.get("/api/v1/jobs")?;
                Ok(Vec::<JobEntry>::deserialize(&jobs["jobs"])?)
            }
            Source::Store(location) => Ok(vec![of_store(location)?]),
        }
    }
}

fn of_store(location: &Location) -> anyhow::Result<JobEntry> {
    let status = status::read(location, None)?;
    let is_running = location.open_store()?.leased_by()?.is_some();
    let (state, why) = match is_running {
        true => ("running", "a process has its store"),
        false => ("stopped", "no process has its store"),
    };
    let last_commit = status.partitions.iter().filter_map(|it| it.last_commit_ms).max();
    let numbers = JobNumbers::of_status(&status);
    Ok(JobEntry {
        name: status.group.clone(),
        group: status.group,
        state: state.to_owned(),
        since_ms: last_commit.unwrap_or_default(),
        why: why.to_owned(),
        numbers,
        ..JobEntry::default()
    })
}
