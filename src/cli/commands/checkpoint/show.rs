//! `seismic checkpoint show`: reads and checks one checkpoint in every partition.

use seismic_pipeline::{CheckpointRef, Counters, Engine, Rules};
use seismic_queue::{CheckpointInfo, Class, JobStore, Partition, Span, View};
use serde_json::{Value, json};

use super::list::kept_as;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;
use crate::job::repartition::InputQueue;
use crate::time::{now_ms, show_ms, show_span};

/// Options of `seismic checkpoint show`.
#[derive(clap::Args)]
pub struct Args {
    /// Number or name of the checkpoint
    #[arg(value_name = "N|NAME")]
    which: CheckpointRef,
    #[command(flatten)]
    target: Target,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What is known of one partition's checkpoint.
struct Shown<'a> {
    partition: Partition,
    info: &'a CheckpointInfo,
    /// What it holds, or why it cannot be used.
    state: Result<ReadCheckpoint, String>,
    /// Whether the log still has what comes after it.
    is_reached: bool,
}

struct ReadCheckpoint {
    rules: Rules,
    sensors: u64,
    open_windows: u64,
    counters: Counters,
}

pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    let store = location.open_store()?;
    let view = store.view()?;
    let opened = InputQueue::open(&location, &view)?;
    let queue = opened.queue();
    let input = queue.topic(&view.job.input().name)?;
    view.job.input().is_still(&input, &queue.name())?;
    let shown = look(&*store, &view, &args.which, &queue.spans(&input)?)?;
    if args.json {
        print_line(Value::from(shown.iter().map(Shown::json).collect::<Vec<_>>()))?;
    } else {
        shown.iter().try_for_each(|one| print(one.text()))?;
        print(verdict(&args.which, &shown, view.partitions.len()))?;
    }
    Ok(Outcome::Fine)
}

fn look<'a>(
    store: &dyn JobStore,
    view: &'a View,
    which: &CheckpointRef,
    spans: &[Span],
) -> anyhow::Result<Vec<Shown<'a>>> {
    let mut shown = Vec::new();
    for ((partition, part), span) in view.job.input().all().zip(&view.partitions).zip(spans) {
        let Some(info) = which.in_partition(part) else {
            continue;
        };
        let is_reached = info.manifest.position >= span.first;
        let state = read(store, &view.job.input().name, partition, info.manifest.checkpoint);
        shown.push(Shown { partition, info, state, is_reached });
    }
    if shown.is_empty() {
        which.in_all(view)?;
    }
    Ok(shown)
}

/// Reads a checkpoint, which checks its CRC.
fn read(
    store: &dyn JobStore,
    topic: &str,
    at: Partition,
    number: u64,
) -> Result<ReadCheckpoint, String> {
    let checkpoint = store.checkpoint(at, number).map_err(|error| error.to_string())?;
    let engine =
        Engine::restore(&checkpoint.state, topic, at).map_err(|error| error.to_string())?;
    Ok(ReadCheckpoint {
        rules: engine.rules().clone(),
        sensors: engine.sensors(),
        open_windows: engine.open_windows(),
        counters: engine.counters().clone(),
    })
}

/// Whether a job can start from it.
fn verdict(which: &CheckpointRef, shown: &[Shown<'_>], partitions: usize) -> String {
    if shown.len() < partitions {
        let (have, all) = (shown.len(), partitions);
        return format!(
            "only {have} of {all} partitions have {which}: nothing can start from it\n"
        );
    }
    let is_usable = |one: &Shown<'_>| one.state.is_ok() && one.is_reached;
    match shown.iter().all(is_usable) {
        true => format!("a job can start from {which}\n"),
        false => format!("no job can start from {which}\n"),
    }
}

impl Shown<'_> {
    fn text(&self) -> String {
        let CheckpointInfo { manifest, bytes, created_ms, .. } = self.info;
        let mut text = format!(
            "partition {}: checkpoint {} at offset {}, {} old ({}), kept as {}\n",
            self.partition,
            manifest.checkpoint,
            count(manifest.position.0),
            show_span(now_ms().saturating_sub(*created_ms)),
            show_ms(*created_ms),
            kept_as(self.info),
        );
        let (bytes, chunks) = (count(*bytes), manifest.chunks);
        match &self.state {
            Ok(state) => {
                let Counters { read, closed, open, windows, .. } = state.counters;
                let (late, rejected) = (state.counters.late(), state.counters.rejected());
                text += &format!(
                    "  {bytes} bytes in {chunks} chunks, CRC {:08x} matches; rules {}: windows of {} ms, lateness {} ms\n\
                     \x20 {} sensors, {} open windows; {} records read = {} in {} closed windows + {} open + {} late + {} rejected\n",
                    manifest.crc,
                    state.rules.hash(),
                    state.rules.window_ms,
                    state.rules.lateness_ms,
                    count(state.sensors),
                    count(state.open_windows),
                    count(read),
                    count(closed),
                    count(windows),
                    count(open),
                    count(late),
                    count(rejected),
                );
            }
            Err(why) => {
                text += &format!("  {bytes} bytes in {chunks} chunks; it cannot be used: {why}\n")
            }
        }
        if !self.is_reached {
            text += "  the log after it is gone\n";
        }
        text
    }

    fn json(&self) -> Value {
        let CheckpointInfo { manifest, bytes, created_ms, class, names } = self.info;
        let state = self.state.as_ref().ok();
        json!({
            "partition": self.partition.0,
            "number": manifest.checkpoint,
            "position": manifest.position.0,
            "bytes": bytes,
            "chunks": manifest.chunks,
            "created_ms": created_ms,
            "kept_as": class.map(Class::name),
            "names": names,
            "whole": state.is_some(),
            "fault": self.state.as_ref().err(),
            "log_reaches_it": self.is_reached,
            "rules": state.map(|state| state.rules.hash()),
            "sensors": state.map(|state| state.sensors),
            "open_windows": state.map(|state| state.open_windows),
            "read": state.map(|state| state.counters.read),
            "closed": state.map(|state| state.counters.closed),
            "open": state.map(|state| state.counters.open),
            "late": state.map(|state| state.counters.late()),
            "rejected": state.map(|state| state.counters.rejected()),
            "windows": state.map(|state| state.counters.windows),
        })
    }
}
