//! `seismic autoscale history`: samples and their decisions.

use serde_json::Value;

use crate::cli::commands::job::server::JobArgs;
use crate::cli::stdio::print_line;
use crate::time::show_ms;

/// Options of `seismic autoscale history`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// How many of the newest samples
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    lines: u64,
    /// Forget all of them, and the file with the history of metrics
    #[arg(long, conflicts_with_all = ["lines", "json"])]
    reset: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let path = args.job.path("/autoscale/history");
    if args.reset {
        client.delete(&path)?;
        return Ok(print_line(format_args!("the history of job {} is empty", args.job.name))?);
    }
    let all = client.get(&format!("{path}?limit={}", args.lines))?;
    if args.json {
        return Ok(print_line(&all["entries"])?);
    }
    print_line(
        "time                      workers  slots  throughput/s     cpu  busy         lag  decision",
    )?;
    for entry in all["entries"].as_array().into_iter().flatten() {
        print_line(one(entry))?;
    }
    Ok(())
}

fn one(entry: &Value) -> String {
    let number = |key: &str| entry[key].as_u64().unwrap_or_default();
    let decimal = |key: &str| entry[key].as_f64().unwrap_or_default();
    let reason = entry["reason"].as_str().unwrap_or_default();
    let (to_workers, to_parallelism) = (number("to_workers"), number("to_parallelism"));
    let decision = match (entry["is_change"] == true, entry["is_begun"] == true) {
        (true, true) => format!("-> {to_workers} workers, {to_parallelism} slots: {reason}"),
        (true, false) => {
            format!("-> {to_workers} workers, {to_parallelism} slots, not carried out: {reason}")
        }
        _ => reason.to_owned(),
    };
    format!(
        "{:<24}  {:>7}  {:>5}  {:>12.0}  {:>6.4}  {:>4.2}  {:>10.0}  {decision}",
        show_ms(entry["at_ms"].as_i64().unwrap_or_default()),
        number("workers"),
        number("parallelism"),
        decimal("throughput"),
        decimal("cpu"),
        decimal("busy"),
        decimal("lag"),
    )
}
