//! `seismic test` of a job with a statement in SQL: lines, rows or a topic, and what the statement
//! makes of them with its tables as they are.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use seismic_proto::{SeismicDeadLetter, Shown};
use serde_json::Value;

use super::{Args, TOPIC, stopped};
use crate::cli::commands::job::tested::{Passed, Tally, hash_of};
use crate::cli::exit::{self, Usage};
use crate::cli::fetched::Fetched;
use crate::cli::format::count;
use crate::job::repartition::InputQueue;
use crate::job::{JobSpec, StopToken};
use crate::time::show_ms;
use crate::trial::statement::{
    StatementOutcome, StatementPlan, StatementReport, expected, read_files,
};
use crate::trial::{self, Arrival, Input, Percent, limits};

/// Tests.
pub fn run(
    args: &Args,
    spec: &JobSpec,
    stop: &AtomicBool,
    of_job: StopToken,
) -> anyhow::Result<exit::Outcome> {
    refuse_what_is_of_windows(args)?;
    let mut plan = StatementPlan { expected: None, tolerance: args.tolerance };
    plan.check()?;
    let client = args.tell.client()?;
    let mut fetched = args.tell.fetched();
    let mut spec = spec.clone();
    let resources = fetched.pin(&mut spec)?;
    if let Some(file) = &args.expect {
        plan.expected = Some(expected(&fetched.file(file)?)?);
    }
    let (messages, partitions) = load(args, &mut fetched, &spec, stop)?;
    if stop.load(Ordering::Relaxed) {
        return Err(stopped());
    }
    let Some(report) = plan.run(&spec, &messages, partitions, of_job, stop)? else {
        return Err(stopped());
    };
    drop(messages);
    let outcome = &report.outcome;
    if let Some(path) = &args.write_rows {
        write_rows(path, &outcome.rows).with_context(|| format!("writing {}", path.display()))?;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    match args.json {
        true => writeln!(out, "{}", report.json(usize::MAX))?,
        false => out.write_all(as_text(&report).as_bytes())?,
    }
    out.flush()?;
    drop(out);
    if report.differs() {
        return Ok(exit::Outcome::Differs);
    }
    if let Some(client) = client {
        let counts = &outcome.counts;
        let passed = Passed {
            file: &args.file,
            spec: &spec,
            resources,
            input: args.input.iter().map(|it| fetched.said(it)).collect(),
            disturbed: None,
            is_compared: report.differences.is_some(),
            result: hash_of(outcome.rows.iter())?,
            tally: Tally {
                read: counts.read,
                late: 0,
                rejected: counts.dead_letters.values().sum(),
                rows: counts.rows,
            },
        };
        passed.tell(&client)?;
    }
    Ok(exit::Outcome::Fine)
}

/// Options that say how records become messages, or in which order these come: a statement looks at
/// one record at a time, and so does what it makes.
fn refuse_what_is_of_windows(args: &Args) -> Result<(), Usage> {
    let is_csv = |path: &Option<std::path::PathBuf>| {
        path.as_ref()
            .and_then(|path| path.extension())
            .is_some_and(|it| it.eq_ignore_ascii_case("csv"))
    };
    if let Some(option) = [("--expect", &args.expect), ("--write-rows", &args.write_rows)]
        .into_iter()
        .find_map(|(option, path)| is_csv(path).then_some(option))
    {
        return Err(Usage(format!(
            "{option}: rows of a job with sql are JSON lines: give the file another name than .csv"
        )));
    }
    let given = [
        ("--format", args.format.is_some()),
        ("--delimiter", args.delimiter.is_some()),
        ("--sensors", args.table.sensors.is_some()),
        ("--locations", args.locations.is_some()),
        ("--pack", args.pack != 1),
        ("--partitions", args.partitions.is_some()),
        ("--strict", args.strict),
        ("--shuffle", args.shuffle != 0),
        ("--delay", !args.delay.is_empty()),
        ("--duplicate", args.duplicate != Percent::default()),
        ("--drop", args.drop != Percent::default()),
    ];
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(Usage(format!(
            "{option}: it is for jobs that make windows, and this one has sql, which makes rows of one \
             record at a time: leave it out"
        ))),
        None => Ok(()),
    }
}

/// The messages, and how many partitions they are of.
fn load(
    args: &Args,
    fetched: &mut Fetched<'_>,
    spec: &JobSpec,
    stop: &AtomicBool,
) -> anyhow::Result<(Vec<Arrival>, u32)> {
    let topics: Vec<&str> =
        args.input.iter().filter_map(|input| input.to_str()?.strip_prefix(TOPIC)).collect();
    let input = spec.statement.as_ref().map(|definition| &definition.input);
    match topics[..] {
        [] => {
            let files = fetched.files(&args.input)?;
            Ok((read_files(spec, &files)?, 1))
        }
        [topic] if args.input.len() == 1 => {
            let of = input.and_then(|input| input.of.as_deref());
            let opened = match of {
                Some(of) => spec.location().of_job(of).open_store().map(InputQueue::Store),
                None => spec.location().open_queue_of(topic).map(InputQueue::Queue),
            };
            let opened = opened?;
            let read = Input::Topic(opened.queue(), topic.to_owned());
            let loaded = trial::load(&read, stop, i64::MAX)?;
            Ok((loaded.arrivals.all, loaded.partitions))
        }
        _ => {
            let why = "--input: a topic is read alone, without files and other topics";
            Err(Usage(why.to_owned()).into())
        }
    }
}

fn write_rows(path: &Path, rows: &[Value]) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    rows.iter().try_for_each(|row| writeln!(out, "{row}"))?;
    out.flush()
}

fn letter_in_words(letter: &SeismicDeadLetter) -> String {
    let SeismicDeadLetter { reason, input_partition, input_offset, index, detail, .. } = letter;
    let (reason, detail) = (Shown(reason), Shown(detail));
    format!("dead letter {reason} at {input_partition}/{input_offset} record {index}: {detail}\n")
}

fn as_text(report: &StatementReport) -> String {
    let StatementReport { outcome, differences } = report;
    let mut text = String::new();
    let StatementOutcome { rows, dead_letters, counts, tables } = outcome;
    if differences.is_none() {
        rows.iter().for_each(|row| text += &format!("row {row}\n"));
        text.extend(dead_letters.iter().map(letter_in_words));
    }
    for table in tables {
        let version = &table.version[..table.version.len().min(8)];
        let (name, rows) = (&table.table, count(table.rows));
        let (source, read) = (&table.source, show_ms(table.checked_ms));
        let _ =
            writeln!(text, "table {name} ({source}): version {version} of {rows} rows read {read}");
    }
    let _ = writeln!(
        text,
        "read {} records: {} gave {} rows, {} gave none, {} are dead letters",
        count(counts.read),
        count(counts.gave),
        count(counts.rows),
        count(counts.filtered),
        count(dead_letters.len() as u64)
    );
    for (reason, number) in &counts.dead_letters {
        let _ = writeln!(text, "  {reason:<24} {}", count(*number));
    }
    match differences.as_deref() {
        None => {}
        Some([]) => text += "all rows are as expected\n",
        Some(all) => {
            let shown = all.iter().take(limits::DIFFERENCES_SHOWN);
            shown.for_each(|it| text += &format!("{it}\n"));
            let _ = writeln!(text, "{} differences", count(all.len() as u64));
        }
    }
    text
}
