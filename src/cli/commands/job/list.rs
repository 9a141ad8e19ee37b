//! `seismic job list`, `savepoints` and `logs`: what a server says of its jobs.

use serde_json::Value;

use super::server::{JobArgs, ServerArgs};
use crate::cli::format::count;
use crate::cli::stdio::print_line;
use crate::time::{now_ms, show_ms, show_span};

/// Options of `seismic job list`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `seismic job savepoints`.
#[derive(clap::Args)]
pub struct SavepointsArgs {
    #[command(flatten)]
    job: JobArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Options of `seismic job logs`.
#[derive(clap::Args)]
pub struct LogsArgs {
    #[command(flatten)]
    job: JobArgs,
    /// How many of the newest lines
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100)]
    lines: u32,
}

pub fn list(args: &Args) -> anyhow::Result<()> {
    let all = args.server.client()?.get("jobs")?;
    if args.json {
        return Ok(print_line(&all["jobs"])?);
    }
    print_line(
        "name                      state       since           read        lag  restarts  why",
    )?;
    for job in all["jobs"].as_array().into_iter().flatten() {
        let word = |key: &str| job[key].as_str().unwrap_or_default();
        let number = |value: &Value| count(value.as_u64().unwrap_or_default());
        let since_ms = now_ms().saturating_sub(job["since_ms"].as_i64().unwrap_or_default());
        print_line(format_args!(
            "{:<25} {:<11} {:<8} {:>11} {:>10} {:>9}  {}",
            word("name"),
            word("state"),
            show_span(since_ms),
            number(&job["numbers"]["records_read"]),
            number(&job["numbers"]["lag"]),
            number(&job["restarts"]),
            word("why"),
        ))?;
    }
    Ok(())
}

pub fn savepoints(args: &SavepointsArgs) -> anyhow::Result<()> {
    let all = args.job.server.client()?.get(&args.job.path("/savepoints"))?;
    if args.json {
        return Ok(print_line(&all["savepoints"])?);
    }
    for savepoint in all["savepoints"].as_array().into_iter().flatten() {
        print_line(savepoint["name"].as_str().unwrap_or_default())?;
    }
    Ok(())
}

pub fn logs(args: &LogsArgs) -> anyhow::Result<()> {
    let path = args.job.path(&format!("/logs?lines={}", args.lines));
    let all = args.job.server.client()?.get(&path)?;
    for line in all["lines"].as_array().into_iter().flatten() {
        let word = |key: &str| line[key].as_str().unwrap_or_default();
        let time = show_ms(line["time_ms"].as_i64().unwrap_or_default());
        print_line(format_args!("{time} {:>5} {}", word("level").to_uppercase(), word("message")))?;
    }
    Ok(())
}
