//! `seismic checkpoint save`: names a state of the whole job.
//!
//! A running job takes one on request: each partition takes a snapshot at once, and the name is
//! complete when all have committed. For a stopped job, the newest checkpoints are named.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::bail;
use seismic_pipeline::CheckpointRef;
use seismic_queue::{JobStore, Partition};
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::stdio::{print_line, tell};
use crate::cli::target::Target;

/// How often the request is checked.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How often the lease is checked, to see whether the job still runs.
const OWNER_EVERY: Duration = Duration::from_secs(1);

/// Options of `seismic checkpoint save`.
#[derive(clap::Args)]
pub struct Args {
    /// A new name: letters, digits, '.', '_' and '-', not only digits
    name: String,
    #[command(flatten)]
    target: Target,
    /// Longest wait for a running job, s; the request is withdrawn after that
    #[arg(long, value_name = "S", default_value_t = 30)]
    timeout: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let store = &*args.target.location()?.open_store()?;
    match store.leased_by()? {
        Some(_) => ask(store, &args.name, Duration::from_secs(args.timeout))?,
        None => store.name_newest_checkpoint(&args.name)?,
    }
    show(store, args)
}

/// Requests a checkpoint of the running job and waits for it.
fn ask(store: &dyn JobStore, name: &str, timeout: Duration) -> anyhow::Result<()> {
    store.request_checkpoint(name)?;
    let asked = Instant::now();
    let mut looked = asked;
    while store.is_requested(name)? {
        if looked.elapsed() >= OWNER_EVERY {
            looked = Instant::now();
            if store.leased_by()?.is_none() && store.withdraw_request(name)?.is_some() {
                // It has stopped meanwhile, and left a checkpoint where it stopped.
                store.name_newest_checkpoint(name)?;
                return Ok(());
            }
        }
        if asked.elapsed() >= timeout {
            return give_up(store, name, timeout);
        }
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

/// Withdraws the request, unless it was completed in the meantime.
fn give_up(store: &dyn JobStore, name: &str, timeout: Duration) -> anyhow::Result<()> {
    let Some(asked) = store.withdraw_request(name)? else {
        return Ok(());
    };
    let all = (0..store.view()?.job.partitions()).map(Partition);
    let silent: Vec<_> =
        all.filter(|at| !asked.answered.contains(at)).map(|at| at.to_string()).collect();
    bail!(
        "after {} s partition {} had not taken checkpoint {name:?}, so the request was withdrawn; \
         `seismic status` shows the state of the job; --timeout S waits longer",
        timeout.as_secs(),
        silent.join(", ")
    )
}

fn show(store: &dyn JobStore, args: &Args) -> anyhow::Result<Outcome> {
    let view = store.view()?;
    let saved = CheckpointRef::Name(args.name.clone()).in_all(&view)?;
    let ahead = |(part, info): (&seismic_queue::PartitionView, &seismic_queue::CheckpointInfo)| {
        let next = part.progress.as_ref().map_or(0, |progress| progress.next.0);
        next.saturating_sub(info.manifest.position.0)
    };
    let each = || view.partitions.iter().zip(saved.iter().copied());
    if args.json {
        let all: Vec<_> = each()
            .enumerate()
            .map(|(partition, both)| {
                json!({
                    "partition": partition,
                    "number": both.1.manifest.checkpoint,
                    "position": both.1.manifest.position.0,
                    "behind": ahead(both),
                })
            })
            .collect();
        print_line(json!({"name": args.name, "partitions": all}))?;
        return Ok(Outcome::Fine);
    }
    print_line(format_args!("saved {}", args.name))?;
    print_line("partition    number      position")?;
    for (partition, both) in each().enumerate() {
        let manifest = &both.1.manifest;
        let position = count(manifest.position.0);
        print_line(format_args!("{partition:>9} {:>9} {position:>13}", manifest.checkpoint))?;
    }
    let beyond: u64 = each().map(ahead).sum();
    if beyond > 0 && store.leased_by()?.is_none() {
        tell(format_args!(
            "{} committed messages lie after it, since the job ended without a final checkpoint",
            count(beyond)
        ));
    }
    Ok(Outcome::Fine)
}
