//! `seismic sink skip`: makes a sink skip one row that its target refuses.
//!
//! The store records it, so a sink that waits at the row continues when it is next opened: within
//! 15 s if it runs, otherwise when it is started.

use seismic_queue::{Offset, Partition, View};
use seismic_sinks::{SinkSpec, SkippedRows, without_password};

use crate::cli::exit::Outcome;
use crate::cli::stdio::print_line;
use crate::cli::target::Target;
use crate::error::Usage;

/// Options of `seismic sink skip`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Name of the sink, as `seismic status` shows it, or the sink as it was started
    #[arg(value_name = "NAME")]
    name: String,
    /// Partition of the result topic
    #[arg(value_name = "PARTITION")]
    partition: u32,
    /// Offset of the row in it
    #[arg(value_name = "OFFSET")]
    offset: u64,
}

/// Notes the row.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let store = args.target.location()?.open_store()?;
    let view = store.view()?;
    let sink = find(&view, &args.name)?;
    let (partition, offset) = (Partition(args.partition), Offset(args.offset));
    check(&view, &sink, partition, offset)?;
    let mut skipped = SkippedRows::of(&*store, &sink)?;
    if skipped.has(partition, offset) {
        print_line(format_args!(
            "{sink} passes over row {offset} of partition {partition} already"
        ))?;
        return Ok(Outcome::Fine);
    }
    skipped.add(&*store, &sink, (partition, offset), "by seismic sink skip")?;
    print_line(format_args!(
        "{sink} passes over row {offset} of partition {partition}: a running sink within 15 s, another one \
         when it is started"
    ))?;
    Ok(Outcome::Fine)
}

/// The name of the sink that is meant, of those that the job knows.
fn find(view: &View, name: &str) -> Result<String, Usage> {
    let is_known = |name: &str| view.sinks.iter().any(|position| position.sink == name);
    let meant = match name.parse::<SinkSpec>() {
        _ if is_known(name) => Some(name.to_owned()),
        Ok(spec) if !spec.entry().passes_over => {
            let name = spec.shown();
            return Err(Usage(format!("sink {name} takes every row: none can be passed over")));
        }
        Ok(spec) => Some(spec.name()).filter(|name| is_known(name)),
        Err(_) => None,
    };
    meant.ok_or_else(|| {
        let mut known: Vec<&str> = view.sinks.iter().map(|position| &*position.sink).collect();
        known.dedup();
        Usage(match known[..] {
            [] => "this job has no sink that keeps a position".to_owned(),
            _ => {
                let name = without_password(name);
                format!("this job has no sink {name}; it has {}", known.join(", "))
            }
        })
    })
}

/// Refuses a row that is not there, or that the sink has passed.
fn check(view: &View, sink: &str, partition: Partition, offset: Offset) -> Result<(), Usage> {
    let scheme = sink.split(':').next().unwrap_or_default();
    if seismic_sinks::all().any(|entry| entry.scheme == scheme && !entry.passes_over) {
        return Err(Usage(format!("sink {sink} takes every row: none can be passed over")));
    }
    let position =
        view.sinks.iter().find(|position| position.sink == sink && position.partition == partition);
    let Some(position) = position else {
        return Err(Usage(format!("sink {sink} has no partition {partition}")));
    };
    let held = view.output(position.output);
    let end = held.get(partition.0 as usize).map_or(position.next, |part| part.span.end);
    if offset < position.next || offset >= end {
        return Err(Usage(format!(
            "row {offset} of partition {partition} is not one that the sink has before it: those are {} up to \
             {end}",
            position.next
        )));
    }
    Ok(())
}
