//! `seismic job list`, `savepoints`, `logs` and `alarms`: what a server reports about its jobs.

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
    /// Also jobs that are put away
    #[arg(long)]
    archived: bool,
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

/// Options of `seismic job alarms`.
#[derive(clap::Args)]
pub struct AlarmsArgs {
    /// Name of a job; without one, of all
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn list(args: &Args) -> anyhow::Result<()> {
    let client = args.server.client()?;
    let mut all = client.get("jobs")?;
    let mut away = 0;
    if let Some(jobs) = all["jobs"].as_array_mut().filter(|_| !args.archived) {
        let there = jobs.len();
        jobs.retain(|job| job["is_archived"] != true);
        away = there - jobs.len();
    }
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
            if job["is_archived"] == true { "archived" } else { word("state") },
            show_span(since_ms),
            // Over all of its runs, as `seismic status` counts.
            number(&job["numbers"]["counts"]["read"]),
            number(&job["numbers"]["lag"]),
            number(&job["restarts"]),
            word("why"),
        ))?;
    }
    if away > 0 {
        print_line(format_args!("{away} more are archived; --archived lists them, too"))?;
    }
    let alarms = client.get("alarms")?;
    let raised = elements(&alarms["alarms"]).filter(|it| it["recovered_ms"].is_null()).count();
    let lacking = elements(&alarms["undelivered"]).count();
    if raised + lacking > 0 {
        print_line(format_args!(
            "{raised} alarms are raised, {lacking} messages of alarms have not arrived; `seismic job \
             alarms` shows them"
        ))?;
    }
    Ok(())
}

/// The elements of a list, none if it is none.
fn elements(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

pub fn alarms(args: &AlarmsArgs) -> anyhow::Result<()> {
    let mut all = args.server.client()?.get("alarms")?;
    if let Some(name) = &args.name {
        keep_of(&mut all, name);
    }
    if args.json {
        return Ok(print_line(&all)?);
    }
    print_alarms(&all)
}

/// Keeps the alarms and deliveries of one job.
pub fn keep_of(all: &mut Value, name: &str) {
    // A further worker has alarms of its own, as coast/2.
    let is_its = |job: &Value| job.as_str().is_some_and(|job| job.split('/').next() == Some(name));
    if let Some(alarms) = all["alarms"].as_array_mut() {
        alarms.retain(|it| is_its(&it["job"]));
    }
    if let Some(lacking) = all["undelivered"].as_array_mut() {
        lacking.retain(|it| elements(&it["jobs"]).any(is_its));
    }
}

/// Prints a line for each alarm, and for each message that has not arrived.
pub fn print_alarms(all: &Value) -> anyhow::Result<()> {
    for alarm in elements(&all["alarms"]) {
        let word = |key: &str| alarm[key].as_str().unwrap_or_default();
        let time = |key: &str| alarm[key].as_i64().map(show_ms);
        let until = time("recovered_ms").map_or("raised".to_owned(), |at| format!("until {at}"));
        let since = time("raised_ms").unwrap_or_default();
        print_line(format_args!(
            "{since}  {until:<30}  {}  {}: {}",
            word("job"),
            word("kind"),
            word("text")
        ))?;
    }
    for delivery in elements(&all["undelivered"]) {
        let word = |key: &str| delivery[key].as_str().unwrap_or_default();
        let jobs: Vec<&str> = elements(&delivery["jobs"]).filter_map(Value::as_str).collect();
        print_line(format_args!(
            "not delivered to {} ({}, {} tries) of {}: {}",
            word("target"),
            word("state"),
            delivery["tries"],
            jobs.join(", "),
            word("error"),
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
        let (level, message) = (word("level").to_uppercase(), word("message"));
        match line["worker"].as_u64() {
            Some(0) => print_line(format_args!("{time} {level:>5} sinks: {message}"))?,
            Some(worker) => {
                print_line(format_args!("{time} {level:>5} worker {worker}: {message}"))?
            }
            None => print_line(format_args!("{time} {level:>5} {message}"))?,
        }
    }
    Ok(())
}
