//! The server that a command asks.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;

use crate::serve::client::{Client, Credentials, part};

/// How often a job is looked at that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Which server is asked.
#[derive(clap::Args)]
pub struct ServerArgs {
    /// Address of the server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    #[command(flatten)]
    credentials: Credentials,
}

impl ServerArgs {
    /// A way to ask it.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.server, &self.credentials)
    }
}

/// A job of a server.
#[derive(clap::Args)]
pub struct JobArgs {
    /// Name of the job
    #[arg(value_name = "NAME")]
    pub name: String,
    #[command(flatten)]
    pub server: ServerArgs,
}

impl JobArgs {
    /// The path of the job, with what follows.
    pub fn path(&self, rest: &str) -> String {
        path_of(&self.name, rest)
    }
}

/// The path of a job, with what follows.
pub fn path_of(name: &str, rest: &str) -> String {
    format!("jobs/{}{rest}", part(name))
}

/// The job as the server shows it in its list.
pub fn job(client: &Client, name: &str) -> anyhow::Result<Value> {
    let all = client.get("jobs")?;
    let jobs = all["jobs"].as_array().into_iter().flatten();
    match jobs.into_iter().find(|job| job["name"] == *name) {
        Some(job) => Ok(job.clone()),
        None => bail!("the server has no job {name:?}; `seismic job list` shows all"),
    }
}

/// Waits until the job is in a state that is asked for; the job then.
pub fn wait_for(
    client: &Client,
    name: &str,
    patience: Duration,
    is_it: impl Fn(&str) -> bool,
) -> anyhow::Result<Value> {
    let began = Instant::now();
    loop {
        let job = job(client, name)?;
        if is_it(job["state"].as_str().unwrap_or_default()) {
            return Ok(job);
        }
        if began.elapsed() >= patience {
            bail!(
                "after {} s job {name} is still {}: {}",
                patience.as_secs(),
                job["state"].as_str().unwrap_or_default(),
                job["why"].as_str().unwrap_or_default()
            );
        }
        std::thread::sleep(LOOK_EVERY);
    }
}
