//! `seismic test`: recorded records through a job in memory, and what came of them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::Context as _;
use seismic_ingest::files::openeew::Component;
use seismic_ingest::files::records::{RecordsSummary, Refusals};
use seismic_proto::{Row, Schema, SeismicAggRecord, SeismicDeadLetter, Shown};
use seismic_queue::Queue;
use seismic_sinks::csv::{CsvLines, Times};

use crate::cli::commands::job::tested::{Passed, Tally, TellArgs, hash_of};
use crate::cli::exit::{self, Usage};
use crate::cli::fetched::Fetched;
use crate::cli::format::{self, count};
use crate::cli::json::{self, Value};
use crate::cli::recordings::{Command, ReadArgs, SensorTableArg, assumptions, delimiter};
use crate::cli::signal;
use crate::cli::stdio::tell;
use crate::cli::target::JobFileArg;
use crate::job::describe::Resolved;
use crate::job::options::JobOptions;
use crate::job::{JobSpec, StopToken};
use crate::time::now_ms;
use crate::trial::statement::check_inputs;
use crate::trial::{
    self, Counts, Disturbances, Disturbed, Expected, FileFormat, FileInput, Input, LoadedInput,
    Outcome, Percent, Plan, Report, SensorDelay, parse_seconds, record_of,
};

mod statement;

/// Partitions of the topic that files are read into, unless somebody says another number.
const PARTITIONS: u32 = 4;

/// What the name of a topic that is read begins with.
const TOPIC: &str = "topic:";

/// Options of `seismic test`.
#[derive(clap::Args)]
#[command(
    after_help = "Everything is held in memory: up to 2,000,000 messages, 20,000,000 records and \
                        512 MiB of them. Exit code 3 says that rows are not as expected."
)]
pub struct Args {
    #[command(flatten)]
    file: JobFileArg,
    /// Records to read: files, plain or gzipped (.csv, .tsv and .txt are CSV, others JSON lines; -
    /// is standard input), resource:NAME for one that a server keeps, or topic:NAME, a topic of the
    /// job's queue up to its present end
    #[arg(long, required = true, num_args = 1.., value_name = "PACK")]
    input: Vec<PathBuf>,
    /// Format of all files, whatever their names say
    #[arg(long, value_enum)]
    format: Option<FileFormat>,
    #[command(flatten)]
    read: ReadArgs,
    /// Column separator of CSV: one character, or tab [default: a comma, and tab in .tsv]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    #[command(flatten)]
    table: SensorTableArg,
    /// Positions of OpenEEW's devices; with it, files that are no CSV are its messages
    #[arg(long, value_name = "FILE.csv")]
    locations: Option<PathBuf>,
    /// Amplitude of OpenEEW's messages: vector, or a single axis
    #[arg(long, value_name = "vector|x|y|z", default_value_t = Component::default())]
    component: Component,
    /// Records per message, where the input does not say
    #[arg(long, value_name = "N", default_value_t = 1)]
    pack: u32,
    /// Partitions of the topic that files are read into [default: 4]
    #[arg(long, value_name = "N")]
    partitions: Option<u32>,
    /// Stop at the first line that is not a record, instead of counting such lines
    #[arg(long)]
    strict: bool,
    /// Deliver each message up to so many seconds late, so that they come in another order
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds, default_value = "0")]
    shuffle: i64,
    /// Deliver the messages of a sensor so many seconds late. Can be given several times
    #[arg(long, value_name = "SENSOR=SECONDS")]
    delay: Vec<SensorDelay>,
    /// Deliver so many percent of the messages twice
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    duplicate: Percent,
    /// Lose so many percent of the messages
    #[arg(long, value_name = "PERCENT", default_value = "0")]
    drop: Percent,
    /// What decides which messages these are: the same seed, the same ones
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Compare the rows with those of this file, or of resource:NAME, and print what differs: CSV with
    /// a header, JSON lines, or the output of --json. Columns that it does not name are not compared
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// How far decimals may be from expected ones: absolutely up to 1, relatively above
    #[arg(long, value_name = "X", default_value_t = 0.0, requires = "expect")]
    tolerance: f64,
    /// Write the rows to a file that --expect takes: CSV, or JSON lines where its name is no .csv
    #[arg(long, value_name = "FILE")]
    write_rows: Option<PathBuf>,
    /// Print one JSON object on stdout: rows, roll-ups, dead letters, counts and differences
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tell: TellArgs,
}

/// Tests.
pub fn run(args: &Args) -> anyhow::Result<exit::Outcome> {
    // The job uses up its own token when it ends.
    let (stop, of_job) = (signal::stop_flag()?, StopToken::new());
    signal::stop_on_signals(&of_job)?;
    // First what a person can correct.
    let spec = Resolved::of(JobOptions::default(), args.file.read()?)?.spec;
    check_inputs(&spec)?;
    if spec.statement.is_some() {
        return statement::run(args, &spec, &stop, of_job);
    }
    let client = args.tell.client()?;
    let mut fetched = args.tell.fetched();
    let mut plan =
        Plan { disturbances: args.disturbances(), expected: None, tolerance: args.tolerance };
    plan.check()?;
    if let Some(file) = &args.expect {
        plan.expected = Some(Expected::read(&fetched.file(file)?)?);
    }
    let loaded = load(args, &mut fetched, &spec, &stop)?;
    let Some(report) = plan.run(&spec, loaded, of_job, &stop)? else { return Err(stopped()) };
    if let Some(path) = &args.write_rows {
        write_rows(path, &report.outcome.rows)
            .with_context(|| format!("writing {}", path.display()))?;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.json {
        // A write error keeps its kind: a closed pipe is no failure.
        true => {
            serde_json::to_writer(&mut out, &report.json(usize::MAX)).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        false => write_text(&report, &mut out)?,
    }
    out.flush()?;
    drop(out);
    tell_unread(&report)?;
    if report.differs() {
        return Ok(exit::Outcome::Differs);
    }
    if let Some(client) = client {
        let passed = Passed {
            file: &args.file,
            spec: &spec,
            resources: BTreeMap::new(),
            input: args.input.iter().map(|it| fetched.said(it)).collect(),
            disturbed: (report.disturbed != Disturbed::default())
                .then(|| format!("({}, seed {})", report.disturbed, args.seed)),
            is_compared: report.comparison.is_some(),
            result: hash_of(report.outcome.rows.iter().cloned().map(json::Row))?,
            tally: Tally {
                read: report.outcome.counts.read,
                late: report.outcome.counts.late,
                rejected: report.outcome.counts.rejected,
                rows: report.outcome.counts.rows,
            },
        };
        passed.tell(&client)?;
    }
    Ok(exit::Outcome::Fine)
}

impl Args {
    fn disturbances(&self) -> Disturbances {
        Disturbances {
            shuffle_ms: self.shuffle,
            delays: self.delay.clone(),
            duplicate: self.duplicate,
            drop: self.drop,
            seed: self.seed,
        }
    }
}

/// A test that somebody stops has shown nothing: a script must not take it for one that passed.
fn stopped() -> anyhow::Error {
    anyhow::anyhow!("stopped before its end: nothing was compared")
}

fn load(
    args: &Args,
    fetched: &mut Fetched<'_>,
    spec: &JobSpec,
    stop: &AtomicBool,
) -> anyhow::Result<LoadedInput> {
    let topics: Vec<&str> =
        args.input.iter().filter_map(|input| input.to_str()?.strip_prefix(TOPIC)).collect();
    let queue: Box<dyn Queue>;
    let input = match topics[..] {
        [] => Input::Files(files(args, fetched)?),
        [topic] if args.input.len() == 1 => {
            queue = spec.location().open_queue_of(topic)?;
            Input::Topic(&*queue, topic.to_owned())
        }
        _ => {
            let why = "--input: a topic is read alone, without files and other topics";
            return Err(Usage(why.to_owned()).into());
        }
    };
    trial::load(&input, stop, now_ms()).map_err(|error| {
        match error.downcast::<seismic_ingest::Error>() {
            // Nothing went anywhere.
            Ok(seismic_ingest::Error::Partly { source, .. }) => Command::Test.with_hint(*source),
            Ok(error) => Command::Test.with_hint(error),
            Err(error) => error,
        }
    })
}

fn files(args: &Args, fetched: &mut Fetched<'_>) -> anyhow::Result<FileInput> {
    let mut one = |file: &Option<PathBuf>| file.as_ref().map(|it| fetched.file(it)).transpose();
    let (sensors, locations) = (one(&args.table.sensors)?, one(&args.locations)?);
    Ok(FileInput {
        files: fetched.files(&args.input)?,
        format: args.format,
        read: args.read.options(args.delimiter.unwrap_or(b',')),
        has_delimiter: args.delimiter.is_some(),
        sensors,
        locations,
        component: args.component,
        pack: args.pack,
        strict: args.strict,
        partitions: args.partitions.unwrap_or(PARTITIONS),
    })
}

/// Rows and dead letters, or what is not as expected; then counts.
fn write_text(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Outcome { rows, rollups, dead_letters, counts } = &report.outcome;
    if report.comparison.is_none() {
        for row in rows {
            writeln!(out, "row {}", format::row(row))?;
        }
        for (topic, rows) in rollups {
            for row in rows {
                writeln!(out, "{topic} {}", format::row(row))?;
            }
        }
        for letter in dead_letters {
            writeln!(out, "dead letter {}", letter_in_words(letter))?;
        }
    }
    let Counts { read, counted, late, rejected, rows, dead_letters } = counts;
    write!(out, "read {} records", count(*read))?;
    match report.disturbed {
        none if none == Disturbed::default() => {}
        done => write!(out, " (messages: {done})")?,
    }
    writeln!(
        out,
        ": {} counted in {} rows, {} late, {} rejected",
        count(*counted),
        count(*rows),
        count(*late),
        count(*rejected)
    )?;
    for (reason, number) in dead_letters {
        writeln!(out, "  {:<24} {}", reason, count(*number))?;
    }
    for (topic, rows) in rollups {
        writeln!(out, "  {} rows in {topic}", count(rows.len() as u64))?;
    }
    write!(out, "{}", assumptions(&report.summary))?;
    match &report.comparison {
        Some(comparison) => writeln!(out, "{comparison}"),
        None => Ok(()),
    }
}

/// Lines that are no records are part of what is tested; files that cannot be read are not.
fn tell_unread(report: &Report) -> anyhow::Result<()> {
    let RecordsSummary { refused, unread, .. } = &report.summary;
    let none = Refusals::default();
    let lines = Command::Test.unread(refused, &none);
    if !lines.is_empty() {
        tell(lines);
    }
    match Command::Test.unread(&none, unread) {
        files if files.is_empty() => Ok(()),
        files => anyhow::bail!(files),
    }
}

fn letter_in_words(letter: &SeismicDeadLetter) -> String {
    let place = format!(
        "{} at {}/{} record {}",
        Shown(&letter.reason),
        letter.input_partition,
        letter.input_offset,
        letter.index
    );
    match record_of(letter) {
        Some(Value::Record(record)) => format!("{place}: {}", format::record(&record)),
        _ => format!("{place}: {} bytes", letter.original_len),
    }
}

fn write_rows(path: &Path, rows: &[SeismicAggRecord]) -> io::Result<()> {
    let mut out = io::BufWriter::new(fs::File::create(path)?);
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
        let mut lines = CsvLines::new(Schema::windows(), Times::Ms);
        out.write_all(&lines.header())?;
        for row in rows {
            out.write_all(lines.row(&Row::Window(row.clone())))?;
        }
    } else {
        for row in rows {
            serde_json::to_writer(&mut out, &json::Row(row.clone())).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
