//! `seismic job start`, `stop`, `pause`, `resume`, `savepoint` and `delete`: actions of a server on
//! a job.

use std::time::Duration;

use serde_json::{Value, json};

use super::server::{JobArgs, job, wait_for};
use crate::cli::stdio::print_line;
use crate::serve::client::Client;

/// How long a job may take to do what was asked for: a stop makes its last commits.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// Options of `seismic job start`.
#[derive(clap::Args)]
pub struct StartArgs {
    #[command(flatten)]
    job: JobArgs,
    #[command(flatten)]
    begin: Begin,
}

/// Where a start begins.
#[derive(clap::Args, Default)]
pub struct Begin {
    /// Go back to this savepoint of the job: results after it are deleted and computed again
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from_checkpoint", "from"])]
    from_savepoint: Option<String>,
    /// The same with the number of a checkpoint
    #[arg(long, value_name = "N", conflicts_with = "from")]
    from_checkpoint: Option<String>,
    /// Where a job without progress begins: earliest, latest, an offset or a time
    #[arg(long, value_name = "WHERE")]
    from: Option<String>,
}

/// Options of `seismic job stop`.
#[derive(clap::Args)]
pub struct StopArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Name the state in which it stops, and keep it
    #[arg(long, value_name = "NAME")]
    savepoint: Option<String>,
}

/// Options of `seismic job savepoint`.
#[derive(clap::Args)]
pub struct SavepointArgs {
    #[command(flatten)]
    job: JobArgs,
    /// A new name: letters, digits, '.', '_' and '-', not only digits
    #[arg(value_name = "SAVEPOINT")]
    savepoint: String,
}

pub fn start(args: &StartArgs) -> anyhow::Result<()> {
    begin(&args.job.server.client()?, &args.job.name, &args.begin)
}

/// Starts a job and waits until it is known what became of that.
pub fn begin(client: &Client, name: &str, from: &Begin) -> anyhow::Result<()> {
    let checkpoint = from.from_savepoint.as_ref().or(from.from_checkpoint.as_ref());
    let body = json!({ "from_checkpoint": checkpoint, "from": from.from });
    client.post(&super::server::path_of(name, "/start"), &body)?;
    // A job may wait for its topic as long as it takes.
    let job = match wait_for(client, name, Duration::from_secs(10), |state| state != "starting") {
        Ok(job) => job,
        Err(_) => job(client, name)?,
    };
    tell(&job)
}

pub fn stop(args: &StopArgs) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    client.post(&args.job.path("/stop"), &Value::Null)?;
    let is_over = |state: &str| matches!(state, "stopped" | "failed" | "finished" | "created");
    let job = wait_for(&client, &args.job.name, PATIENCE, is_over)?;
    tell(&job)?;
    if let Some(name) = &args.savepoint {
        client.post(&args.job.path("/savepoints"), &json!({ "name": name }))?;
        print_line(format_args!("saved {name}"))?;
    }
    Ok(())
}

pub fn pause(args: &JobArgs) -> anyhow::Result<()> {
    simply(args, "/pause", |state| state == "paused")
}

pub fn resume(args: &JobArgs) -> anyhow::Result<()> {
    simply(args, "/resume", |state| !matches!(state, "paused" | "starting"))
}

fn simply(args: &JobArgs, path: &str, is_done: fn(&str) -> bool) -> anyhow::Result<()> {
    let client = args.server.client()?;
    client.post(&args.path(path), &Value::Null)?;
    tell(&wait_for(&client, &args.name, PATIENCE, is_done)?)
}

pub fn savepoint(args: &SavepointArgs) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    client.post(&args.job.path("/savepoints"), &json!({ "name": args.savepoint }))?;
    let began = std::time::Instant::now();
    loop {
        let all = client.get(&args.job.path("/savepoints"))?;
        let mut found = all["savepoints"].as_array().into_iter().flatten();
        if found.any(|one| one["name"] == *args.savepoint && one["is_complete"] == true) {
            return Ok(print_line(format_args!("saved {}", args.savepoint))?);
        }
        if began.elapsed() >= PATIENCE {
            anyhow::bail!(
                "not all partitions have taken it yet; `seismic job savepoints` shows when"
            );
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

pub fn delete(args: &JobArgs) -> anyhow::Result<()> {
    args.server.client()?.delete(&args.path(""))?;
    Ok(print_line(format_args!("job {} is forgotten; its store and its rows stay", args.name))?)
}

fn tell(job: &Value) -> anyhow::Result<()> {
    let word = |key: &str| job[key].as_str().unwrap_or_default();
    let line = format!("job {} is {}: {}", word("name"), word("state"), word("why"));
    if word("state") == "failed" {
        anyhow::bail!("{line}");
    }
    Ok(print_line(line)?)
}
