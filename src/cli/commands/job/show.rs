//! `seismic job show`: every value of a job and where it comes from, of a job file, or of a job
//! that a server runs, with what it does and its alarms.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::list::{keep_of, print_alarms};
use super::server::{job, path_of};
use crate::cli::commands::autoscale::worker_elsewhere;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::{JobFileArg, ServerFileArg, VariableArgs};
use crate::error::Usage;
use crate::job::describe::Resolved;
use crate::job::options::JobOptions;
use crate::serve::client::{Client, Credentials};
use crate::time::show_ms;

/// Options of `seismic job show`.
#[derive(clap::Args)]
pub struct Args {
    /// Job file; without one, the defaults. With --server, name of a job
    #[arg(value_name = "FILE|NAME")]
    file: Option<PathBuf>,
    /// Show a job of the server at this address
    #[arg(long, value_name = "URL", requires = "file")]
    server: Option<String>,
    #[command(flatten)]
    credentials: Credentials,
    #[command(flatten)]
    variables: VariableArgs,
    #[command(flatten)]
    server_file: ServerFileArg,
    #[command(flatten)]
    options: JobOptions,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn show(args: Args) -> anyhow::Result<()> {
    if let Some((server, name)) = args.server.as_ref().zip(args.file.as_ref()) {
        let name = name.to_str().ok_or_else(|| Usage("the name is no text".to_owned()))?;
        return show_served(server, &args.credentials, name, args.json);
    }
    args.credentials.check_unused()?;
    let (job, variables, server_file) = (args.file, args.variables, args.server_file);
    let file = JobFileArg { job, variables, server_file }.read()?;
    let resolved = Resolved::of(args.options, file)?;
    match args.json {
        true => print_line(serde_json::to_string_pretty(&resolved.to_json())?)?,
        false => print(resolved)?,
    }
    Ok(())
}

fn show_served(
    server: &str,
    credentials: &Credentials,
    name: &str,
    is_json: bool,
) -> anyhow::Result<()> {
    let client = Client::new(server, credentials)?;
    let entry = job(&client, name)?;
    let configuration = client.get(&path_of(name, "/configuration"))?;
    let mut alarms = client.get("alarms")?;
    keep_of(&mut alarms, name);
    if is_json {
        let all = json!({
            "job": entry,
            "source": configuration["source"],
            "values": configuration["values"],
            "alarms": alarms["alarms"],
            "undelivered": alarms["undelivered"],
        });
        return Ok(print_line(serde_json::to_string_pretty(&all)?)?);
    }
    print_state(&entry)?;
    print_alarms(&alarms)?;
    print_values(&configuration)
}

fn print_state(entry: &Value) -> anyhow::Result<()> {
    let word = |key: &str| entry[key].as_str().unwrap_or_default();
    let since = show_ms(entry["since_ms"].as_i64().unwrap_or_default());
    print_line(format_args!(
        "job {} of group {} is {} since {since}: {}",
        word("name"),
        word("group"),
        word("state"),
        word("why")
    ))?;
    if let Some(error) = entry["last_error"].as_str() {
        print_line(format_args!("last error: {error}"))?;
    }
    let count = |key: &str| entry["alarms"][key].as_u64().unwrap_or_default();
    print_line(format_args!(
        "started again by itself: {}; alarms raised: {}; messages of alarms: {} wait, {} were given up",
        entry["restarts"],
        count("raised"),
        count("waiting"),
        count("undelivered")
    ))?;
    print_scaling(&entry["scaling"])
}

/// How the job is scaled, if it is: `seismic autoscale status` says more.
fn print_scaling(scaling: &Value) -> anyhow::Result<()> {
    if scaling.is_null() {
        return Ok(());
    }
    let number = |key: &str, of: &str| scaling[key][of].as_u64().unwrap_or_default();
    print_line(format_args!(
        "scaled: {} of {} workers and {} of {} slots run",
        number("workers", "running"),
        number("workers", "wanted"),
        number("parallelism", "running"),
        number("parallelism", "wanted")
    ))?;
    match (scaling["lease_holder"].as_str(), scaling["holds_lease"] == true) {
        (Some(holder), true) => {
            print_line(format_args!("this server holds the scaling lease: {holder}"))?
        }
        (Some(holder), false) => {
            print_line(format_args!("another server holds the scaling lease: {holder}"))?
        }
        (None, _) => {}
    }
    for it in scaling["elsewhere"].as_array().into_iter().flatten() {
        print_line(worker_elsewhere(it))?;
    }
    Ok(())
}

/// Values that the job was given, with their places; what is by default is left out.
fn print_values(configuration: &Value) -> anyhow::Result<()> {
    let all = configuration["values"].as_object().into_iter().flatten();
    let (by_default, given): (Vec<_>, Vec<_>) = all.partition(|(_, it)| it["source"] == "default");
    for (key, it) in given {
        let source = it["source"].as_str().unwrap_or_default();
        print_line(format_args!("{key} = {}  # {source}", it["value"]))?;
    }
    let others = by_default.len();
    Ok(print_line(format_args!("# {others} more are as by default; --json shows them"))?)
}
