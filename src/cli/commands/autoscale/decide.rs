//! `seismic autoscale once`: one decision.

use serde_json::{Value, json};

use crate::cli::commands::job::server::JobArgs;
use crate::cli::stdio::print_line;
use crate::serve::client::Client;

/// Options of `seismic autoscale once`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// Change nothing: show the newest decision of the server
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn once(args: &Args) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let decision = decide(&client, &args.job, args.dry_run)?;
    match args.json {
        true => Ok(print_line(&decision)?),
        false => Ok(print_line(line(&decision))?),
    }
}

/// A decision of the server: a new one, which it carries out, or on a dry run the newest one.
pub fn decide(client: &Client, job: &JobArgs, dry_run: bool) -> anyhow::Result<Value> {
    let path = job.path("/autoscale");
    match dry_run {
        true => Ok(client.get(&path)?["last"].take()),
        false => client.post(&path, &json!({})),
    }
}

/// The line of a decision.
pub fn line(decision: &Value) -> &str {
    decision["line"].as_str().unwrap_or("nothing was decided yet")
}
