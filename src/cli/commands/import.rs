//! `seismic import`: publishes recordings of real sensors.

use std::path::PathBuf;

use seismic_ingest::files::openeew::{self, Component};
use seismic_ingest::files::records::{self, Format, RecordsSummary};

use super::generate::progress_bar;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::recordings::{
    Command, ReadArgs, SensorTableArg, all_was_read, assumptions, delimiter, remarks,
};
use crate::cli::signal;
use crate::cli::stdio::print;
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
    Csv(CsvArgs),
}

#[derive(clap::Args)]
struct OpeneewArgs {
    /// Files to import, merged by arrival time
    #[arg(required = true, value_name = "FILE.jsonl.gz")]
    files: Vec<PathBuf>,
    /// Positions of the devices: CSV with device_id,latitude,longitude
    #[arg(long, value_name = "FILE.csv", required_unless_present = "sensors")]
    locations: Option<PathBuf>,
    #[command(flatten)]
    table: SensorTableArg,
    /// Amplitude: vector, the length of (x, y, z) without each axis' mean over the device's first
    /// message; or a single axis
    #[arg(long, value_name = "vector|x|y|z", default_value_t = Component::default())]
    component: Component,
    #[command(flatten)]
    to: To,
}

#[derive(clap::Args)]
struct CsvArgs {
    #[command(flatten)]
    records: RecordsArgs,
    /// Column separator: one character, or tab
    #[arg(long, value_name = "CHAR", default_value = ",", value_parser = delimiter)]
    delimiter: u8,
}

#[derive(clap::Args)]
struct RecordsArgs {
    /// Files to import, merged by time, plain or gzipped; - is standard input. With --follow also
    /// folders
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Keep reading at the end: follow files that grow or are rotated, and new files of a folder
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    table: SensorTableArg,
    /// Records per message, where the input does not say
    #[arg(long, value_name = "N", default_value_t = 1)]
    pack: u32,
    /// Stop at the first line that is not a record, instead of counting such lines
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    to: To,
}

impl RecordsArgs {
    fn options(self, format: Format, delimiter: u8) -> records::Options {
        records::Options {
            format,
            topic: self.to.topic.name(),
            partitions: self.to.partitions,
            pack: self.pack,
            strict: self.strict,
            read: self.read.options(delimiter),
            sensors: self.table.sensors,
            follow: self.follow,
            again: self.to.again,
            files: self.files,
        }
    }
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
    /// Import even what may be there already, where the queue cannot tell (RocketMQ); with --follow,
    /// each start begins with the first line of every file
    #[arg(long)]
    again: bool,
    /// Print the summary as JSON, on stdout
    #[arg(long)]
    json: bool,
}

/// Imports.
pub fn run(args: Args) -> anyhow::Result<Outcome> {
    match args.source {
        Source::Openeew(args) => import_openeew(args),
        Source::Jsonl(args) => import_records(Format::Jsonl, args, b','),
        Source::Csv(CsvArgs { records, delimiter }) => {
            import_records(Format::Csv, records, delimiter)
        }
    }
}

fn import_openeew(args: OpeneewArgs) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.to.target.location()?.open_queue()?;
    let options = openeew::Options {
        files: args.files,
        locations: args.locations,
        sensors: args.table.sensors,
        component: args.component,
        topic: args.to.topic.name(),
        partitions: args.to.partitions,
        again: args.to.again,
    };
    let bar = progress_bar(None, "records");
    let summary =
        openeew::import(&*queue, &options, &stop, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    let summary = summary.map_err(|error| Command::Import.with_hint(error))?;
    if args.to.json {
        print(format!("{}\n", serde_json::to_string(&summary)?))?;
    } else {
        print(format!(
            "imported {} records of {} devices in {} messages to {}, in {:.1} s\n{}",
            count(summary.published),
            summary.devices,
            count(summary.messages),
            summary.topic,
            summary.seconds,
            notes(summary.recognised, summary.stopped, true)
                + &repeats(summary.repeated)
                + &remarks(&summary.remarks),
        ))?;
    }
    all_was_read(&summary.refused, &summary.unread)?;
    Ok(Outcome::Fine)
}

fn import_records(format: Format, args: RecordsArgs, delimiter: u8) -> anyhow::Result<Outcome> {
    let stop = signal::stop_flag()?;
    let queue = args.to.target.location()?.open_queue()?;
    let json = args.to.json;
    let options = args.options(format, delimiter);
    let bar = progress_bar(None, "records");
    let summary =
        records::import(&*queue, &options, &stop, &mut |records| bar.set_position(records));
    bar.finish_and_clear();
    let summary = summary.map_err(|error| Command::Import.with_hint(error))?;
    let text = match json {
        true => format!("{}\n", serde_json::to_string(&summary)?),
        false => in_words(&summary),
    };
    print(&text)?;
    all_was_read(&summary.refused, &summary.unread)?;
    Ok(Outcome::Fine)
}

fn in_words(summary: &RecordsSummary) -> String {
    let mut text = format!(
        "imported {} records to {}, in {:.1} s ({} records/s)\n",
        count(summary.published),
        summary.topic,
        summary.seconds,
        count(summary.records_per_second as u64),
    );
    text += &notes(summary.recognised, summary.stopped, summary.resumable);
    text + &assumptions(summary)
}

fn repeats(repeated: u64) -> String {
    match repeated {
        0 => String::new(),
        _ => format!("  {} messages come more than once and were imported once\n", count(repeated)),
    }
}

fn notes(recognised: u64, stopped: bool, resumable: bool) -> String {
    let mut text = String::new();
    if recognised > 0 {
        let recognised = count(recognised);
        text += &format!(
            "  {recognised} of the messages were there already and were not added again\n"
        );
    }
    if stopped {
        text += match resumable {
            true => "  stopped before the end; the same command continues where it stopped\n",
            false => "  stopped before the end; what was read until then is published\n",
        };
    }
    text
}
