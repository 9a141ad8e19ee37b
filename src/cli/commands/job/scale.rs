//! `seismic job scale`: another number of workers or slots, until they run and hold all partitions.

use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::{Value, json};

use super::server::JobArgs;
use crate::cli::stdio::print_line;

/// How often it is asked how far the change is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long that is waited for: a savepoint, the proof, and the way back, each with its usual time.
const PATIENCE: Duration = Duration::from_secs(150);

/// Options of `seismic job scale`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    job: JobArgs,
    /// Workers that the job is to have, within workers_min and workers_max of [elastic]
    #[arg(long, value_name = "N", required_unless_present = "slots")]
    workers: Option<u32>,
    /// Slots of each worker [default: as many as they have]
    #[arg(long, value_name = "N")]
    slots: Option<u32>,
    /// Do not wait until they run
    #[arg(long)]
    no_wait: bool,
}

pub fn scale(args: &Args) -> anyhow::Result<()> {
    let client = args.job.server.client()?;
    let body = json!({ "workers": args.workers, "slots": args.slots });
    client.post(&args.job.path("/scale"), &body)?;
    let name = &args.job.name;
    if args.no_wait {
        let line =
            format!("the change has begun; `seismic autoscale status {name}` shows how far it is");
        return Ok(print_line(line)?);
    }
    let began = Instant::now();
    loop {
        let shown = client.get(&args.job.path("/autoscale"))?;
        if shown["change"].is_null() {
            return told(args, &shown);
        }
        if began.elapsed() >= PATIENCE {
            bail!("the change is under way still; `seismic autoscale status {name}` shows it");
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What became of the change.
fn told(args: &Args, shown: &Value) -> anyhow::Result<()> {
    let slots: Vec<u64> =
        shown["wanted_slots"].as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let (workers, all) = (slots.len() as u64, slots.iter().sum::<u64>());
    let alone = shown["one_process"].as_str();
    let partitions = shown["partitions"].as_u64().unwrap_or(u64::MAX);
    // Of several workers, the last ones may have fewer.
    let is_so = |asked: u64| alone.is_none() || all == asked.min(partitions);
    let has_workers = args.workers.is_none_or(|asked| workers == u64::from(asked));
    if !has_workers || !args.slots.is_none_or(|asked| is_so(asked.into())) {
        let alerts = shown["alerts"].as_array().into_iter().flatten().filter_map(Value::as_str);
        bail!("the change was taken back: {}", alerts.collect::<Vec<_>>().join("; "));
    }
    let name = &args.job.name;
    match alone {
        Some(why) => Ok(print_line(format_args!("job {name} runs with {all} slots; {why}"))?),
        None => {
            Ok(print_line(format_args!("job {name} runs with {workers} workers and {all} slots"))?)
        }
    }
}
