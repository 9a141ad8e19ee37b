//! `seismic autoscale run`: decisions as they are taken.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::decide::{decide, line};
use crate::cli::commands::job::server::JobArgs;
use crate::cli::signal;
use crate::cli::stdio::{print_line, tell};
use crate::job::StopToken;
use crate::serve::client::Client;

/// How soon a stop is noticed.
const STOP_LOOK: Duration = Duration::from_millis(100);

/// How often the newest decision is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Options of `seismic autoscale run`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// Change nothing: show what the server decides
    #[arg(long)]
    dry_run: bool,
    /// End after that many decisions
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print JSON, one decision a line
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let stop = StopToken::new();
    signal::stop_on_signals(&stop)?;
    let shown = client.get(&args.job.path("/autoscale"))?;
    let acts_itself = shown["not_carried_out"].is_null();
    if let Some(why) = shown["not_carried_out"].as_str() {
        tell(format_args!("the server carries nothing out by itself: {why}"));
    }
    let interval = Duration::from_secs(shown["interval_s"].as_u64().unwrap_or(5).max(1));
    // Where the server decides by itself, and on a dry run, its decisions are only followed.
    let follows = args.dry_run || acts_itself;
    let every = if follows { LOOK_EVERY.min(interval) } else { interval };
    let (mut seen, mut count) = (Value::Null, 0);
    while !stop.is_stopped() && args.count.is_none_or(|most| count < most) {
        match decision(&client, args, follows) {
            Ok(decision) if decision["entry"]["at_ms"] != seen => {
                seen = decision["entry"]["at_ms"].clone();
                count += u64::from(!seen.is_null());
                match args.json {
                    true => print_line(&decision)?,
                    false => print_line(line(&decision))?,
                }
            }
            Ok(_) => {}
            // A server that is started again goes on.
            Err(error) => tell(format_args!("{error:#}")),
        }
        let looked = Instant::now();
        while !stop.is_stopped() && looked.elapsed() < every {
            std::thread::sleep(STOP_LOOK);
        }
    }
    Ok(())
}

fn decision(client: &Client, args: &Args, follows: bool) -> anyhow::Result<Value> {
    decide(client, &args.job, follows)
}
