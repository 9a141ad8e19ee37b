//! `seismic import`: publishes recordings of real sensors.

use std::path::PathBuf;

use anyhow::bail;
use seismic_ingest::Hint;
use seismic_ingest::files::Remarks;
use seismic_ingest::files::openeew::{self, Component};
use seismic_ingest::files::records::{
    self, Defaults, Format, ReadOptions, RecordField, RecordsSummary, Refusals, TimeUnit,
};

use super::generate::progress_bar;
use crate::cli::exit::Outcome;
use crate::cli::format::count;
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

/// Table that is applied to records.
#[derive(clap::Args)]
struct SensorTableArg {
    /// Table of sensors that is applied to records: CSV with id and any of alias, valid_from,
    /// valid_to, latitude, longitude, depth, gain, offset, unit; several rows per sensor in time
    #[arg(long, value_name = "FILE.csv")]
    sensors: Option<PathBuf>,
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
    /// A field that has another name in the files, as sensor_id=station. Can be given several times
    #[arg(long, value_name = "FIELD=THEIRS", value_parser = field_and_text)]
    column: Vec<(RecordField, String)>,
    /// A field that has the same value in all records, as data_quality=1. Can be given several times
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field_and_text)]
    set: Vec<(RecordField, String)>,
    /// Unit of times that are numbers [default: ms, where others are refused]
    #[arg(long, value_name = "s|ms|us|ns")]
    time_unit: Option<TimeUnit>,
    /// Times in ISO 8601 without an offset are UTC
    #[arg(long)]
    utc: bool,
    /// Decimals have a comma
    #[arg(long)]
    decimal_comma: bool,
    /// Lines to skip at the beginning of each file
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_lines: u64,
    /// Ignore columns that are no fields of a record
    #[arg(long)]
    ignore_other_columns: bool,
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
            read: ReadOptions {
                columns: self.column,
                set: self.set,
                time_unit: self.time_unit,
                is_utc: self.utc,
                delimiter,
                has_decimal_comma: self.decimal_comma,
                skip_lines: self.skip_lines,
                ignore_other_columns: self.ignore_other_columns,
            },
            sensors: self.table.sensors,
            follow: self.follow,
            again: self.to.again,
            files: self.files,
        }
    }
}

fn field_and_text(text: &str) -> Result<(RecordField, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is not FIELD=TEXT")?;
    let field = RecordField::named(name).ok_or_else(|| format!("there is no field {name:?}"))?;
    Ok((field, value.to_owned()))
}

fn delimiter(text: &str) -> Result<u8, String> {
    match (text, text.as_bytes()) {
        ("tab" | "\\t", _) => Ok(b'\t'),
        (_, &[byte]) if byte.is_ascii() => Ok(byte),
        _ => Err("it is not one ASCII character, or tab".to_owned()),
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
    let summary = summary.map_err(with_hint)?;
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
    let summary = summary.map_err(with_hint)?;
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
    let Defaults { data_quality, phase_type, seismic_amplitude } = summary.defaults;
    for (number, what) in [
        (data_quality, "have no data_quality: 1 was assumed"),
        (phase_type, "have no phase_type: N was assumed"),
        (
            seismic_amplitude,
            "have no seismic_amplitude, since there is no such column: a job rejects them; name the \
             column with --column seismic_amplitude=THEIRS",
        ),
    ] {
        if number > 0 {
            text += &format!("  {} records {what}\n", count(number));
        }
    }
    if summary.comments > 0 {
        let comments = count(summary.comments);
        text += &format!("  {comments} lines that begin with # were skipped\n");
    }
    text + &remarks(&summary.remarks)
}

fn remarks(remarks: &Remarks) -> String {
    let mut text = String::new();
    for remark in &remarks.first {
        text += &format!("  {remark}\n");
    }
    match remarks.count - remarks.first.len() as u64 {
        0 => text,
        more => text + &format!("  and {} more remarks\n", count(more)),
    }
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

/// Records that were imported stay, but a program must see that some are missing.
fn all_was_read(refused: &Refusals, unread: &Refusals) -> anyhow::Result<()> {
    let mut text = String::new();
    for (refusals, what) in [
        (refused, "lines are not records and were refused"),
        (unread, "files could not be read, or not to their end"),
    ] {
        if refusals.count == 0 {
            continue;
        }
        if !text.is_empty() {
            text += "\n";
        }
        text += &format!("{} {what}:", count(refusals.count));
        for line in &refusals.first {
            text += &format!("\n  {line}");
        }
        let more = refusals.count - refusals.first.len() as u64;
        if more > 0 {
            text += &format!("\n  and {} more", count(more));
        }
        for hint in &refusals.hints {
            text += &format!("\n  try {}", option_of(*hint));
        }
    }
    match text.is_empty() {
        true => Ok(()),
        false => bail!(text),
    }
}

/// An error about how a file is read, with the option that might help.
fn with_hint(error: seismic_ingest::Error) -> anyhow::Error {
    match error.hint() {
        Some(hint) => anyhow::anyhow!("{error}; try {}", option_of(hint)),
        None => error.into(),
    }
}

/// The option that a hint means.
fn option_of(hint: Hint) -> String {
    match hint {
        Hint::TimeUnit(unit) => format!("--time-unit {unit}"),
        Hint::Utc => "--utc, if times are UTC".to_owned(),
        Hint::Delimiter(b'\t') => "--delimiter tab".to_owned(),
        Hint::Delimiter(byte) => format!("--delimiter '{}'", char::from(byte)),
        Hint::DecimalComma => "--decimal-comma".to_owned(),
        Hint::Column(field) => {
            format!("--column {field}=THEIRS, or --set {field}=VALUE for all records")
        }
        Hint::IgnoreOtherColumns => {
            "--ignore-other-columns, or --column FIELD=THEIRS for one that is a field".to_owned()
        }
        Hint::HeaderLine => "a line with the names of its columns before it, as in (echo \
             sensor_id,collect_timestamp,seismic_amplitude; cat FILE) | seismic import csv -"
            .to_owned(),
        Hint::OtherFormat(format) => format!("seismic import {format}"),
        Hint::Again => "--again to add all of it".to_owned(),
        Hint::FollowAgain => {
            "--again, if that may be, or `tail -F FILE | seismic import csv -` for new \
             lines alone"
                .to_owned()
        }
        Hint::SkipLines => "--skip-lines N, if there are lines before the header".to_owned(),
    }
}
