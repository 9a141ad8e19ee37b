//! `seismic job archive` and `unarchive`: jobs, or all of a project, are put away and brought back.

use serde_json::json;

use super::act::PATIENCE;
use super::server::{ServerArgs, path_of, wait_for};
use crate::cli::stdio::print_line;
use crate::error::Usage;
use crate::http::Scope;
use crate::serve::client::Client;

/// Options of both.
#[derive(clap::Args)]
pub struct Args {
    /// Names of jobs, and beginnings of names with `*` behind them, as in 'coast-*'
    #[arg(value_name = "NAME|PATTERN", required = true)]
    jobs: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
}

/// Asks for all of them first, then waits: they end beside each other.
pub fn archive(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let names = found(&client, &args.jobs, false)?;
    for name in &names {
        client.post(&path_of(name, "/archive"), &json!({}))?;
    }
    let is_at_rest = |state: &str| matches!(state, "stopped" | "failed" | "finished" | "created");
    for name in &names {
        let job = wait_for(&client, name, PATIENCE, is_at_rest)?;
        let state = job["state"].as_str().unwrap_or_default();
        print_line(format_args!("job {name} is archived, {state}; all of it is kept"))?;
    }
    Ok(())
}

pub fn unarchive(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client()?;
    for name in found(&client, &args.jobs, true)? {
        client.post(&path_of(&name, "/unarchive"), &json!({}))?;
        print_line(format_args!("job {name} is back; start it with `seismic job start {name}`"))?;
    }
    Ok(())
}

/// Jobs of the server that are meant, of those that are put away or of those that are not.
fn found(client: &Client, wanted: &[String], are_archived: bool) -> anyhow::Result<Vec<String>> {
    let all = client.get("jobs")?;
    let jobs = all["jobs"].as_array().into_iter().flatten();
    let jobs = jobs.filter(|job| job["is_archived"] == are_archived);
    let known: Vec<&str> = jobs.filter_map(|job| job["name"].as_str()).collect();
    let mut found = Vec::new();
    for pattern in wanted {
        let scope: Scope = pattern.parse().map_err(Usage)?;
        let before = found.len();
        let meant = known.iter().filter(|name| scope.reaches(name));
        found.extend(meant.map(|name| (*name).to_owned()));
        if found.len() == before {
            let what = if are_archived { "is archived" } else { "is not archived yet" };
            let why = format!(
                "no job that {what} is called {pattern:?}; `seismic job list --archived` shows all"
            );
            return Err(Usage(why).into());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
