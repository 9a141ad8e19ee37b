//! `seismic import`: publishes recordings of real sensors.

use std::path::PathBuf;

use anyhow::bail;
use seismic_ingest::files::openeew::{self, Component};
use seismic_ingest::files::records::{self, Format, RecordsSummary};

use super::generate::progress_bar;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::signal;
use crate::cli::target::{InputTopic, Target};

/// Options of `seismic import`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(clap::Subcommand)]
enum Source {
    /// Import messages of OpenEEW's low-cost accelerometers: gzipped JSON lines
    Openeew(OpeneewArgs),
    /// Import records as JSON lines: a record's fields, or the output of `seismic read --format json`
    Jsonl(RecordsArgs),
    /// Import records as CSV: the header names fields of a record, in any order
    Csv(RecordsArgs),
}

#[derive(clap::Args)]
struct OpeneewArgs {
    /// Files to import, merged by arrival time
    #[arg(required = true, value_name = "FILE.jsonl.gz")]
    files: Vec<PathBuf>,
    /// Positions of the devices: CSV with device_id,latitude,longitude
    #[arg(long, value_name = "FILE.csv")]
    locations: PathBuf,
    /// Amplitude: vector, the length of (x, y, z) without each axis' mean over the device's first
    /// message; or a single axis
    #[arg(long, value_name = "vector|x|y|z", default_value_t = Component::default())]
    component: Component,
    #[command(flatten)]
    to: To,
}

#[derive(clap::Args)]
struct RecordsArgs {
    /// Files to import in this order, plain or gzipped; - is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Records per message, where the input does not say
    #[arg(long, value_name = "N", default_value_t = 1)]
    pack: u32,
    /// Stop at the first line that is not a record, instead of counting such lines
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    to: To,
}

/// Where records go, and how the summary looks.
#[derive(clap::Args)]
struct To {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    topic: InputTopic,
    /// Partitions of the topic, if it is created
    #[arg(long, value_name = "N", default_value_t = 4)]
    partitions: u32,
    /// Print the summary as JSON, on stdout
    #[arg(long)]
    json: bool,
}

/// Imports.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.source {
        Source::Openeew(args) => import_openeew(args),
        Source::Jsonl(args) => import_records(Format::Jsonl, args),
        Source::Csv(args) => import_records(Format::Csv, args),
    }
}

fn import_openeew(args: OpeneewArgs) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.to.target.location()?.open_queue()?;
    let options = openeew::Options {
        component: args.component,
        topic: args.to.topic.name(),
        partitions: args.to.partitions,
        ..openeew::Options::new(args.files, args.locations)
    };
    let bar = progress_bar(None, "records");
    let summary =
        openeew::import(&*queue, &options, &stop, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    let summary = summary?;
    if args.to.json {
        println!("{}", serde_json::to_string(&summary)?);
        return Ok(Outcome::Fine);
    }
    println!(
        "imported {} records of {} devices in {} messages to {}, in {:.1} s",
        count(summary.published),
        summary.devices,
        count(summary.messages),
        summary.topic,
        summary.seconds,
    );
    print!("{}", notes(summary.recognised, summary.stopped));
    Ok(Outcome::Fine)
}

fn import_records(format: Format, args: RecordsArgs) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.to.target.location()?.open_queue()?;
    let options = records::Options {
        format,
        files: args.files,
        topic: args.to.topic.name(),
        partitions: args.to.partitions,
        pack: args.pack,
        strict: args.strict,
    };
    let bar = progress_bar(None, "records");
    let summary =
        records::import(&*queue, &options, &stop, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    let summary = summary?;
    if args.to.json {
        println!("{}", serde_json::to_string(&summary)?);
    } else {
        println!(
            "imported {} records to {}, in {:.1} s ({} records/s)",
            count(summary.published),
            summary.topic,
            summary.seconds,
            count(summary.records_per_second as u64),
        );
        print!("{}", notes(summary.recognised, summary.stopped));
    }
    nothing_refused(&summary)?;
    Ok(Outcome::Fine)
}

fn notes(recognised: u64, stopped: bool) -> String {
    let mut text = String::new();
    if recognised > 0 {
        let recognised = count(recognised);
        text += &format!(
            "  {recognised} of the messages were there already and were not added again\n"
        );
    }
    if stopped {
        text += "  stopped before the end; the same command continues where it stopped\n";
    }
    text
}

/// Records that were imported stay, but a program must see that some are missing.
fn nothing_refused(summary: &RecordsSummary) -> anyhow::Result<()> {
    let refused = &summary.refused;
    if refused.count == 0 {
        return Ok(());
    }
    let more = refused.count - refused.first.len() as u64;
    let mut text = format!("{} lines are no records and were refused:", count(refused.count));
    for line in &refused.first {
        text += &format!("\n  {line}");
    }
    if more > 0 {
        text += &format!("\n  and {} more", count(more));
    }
    bail!(text)
}
