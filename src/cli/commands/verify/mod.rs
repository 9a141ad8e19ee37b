//! `seismic verify`: recomputes the results of a job and reports every difference.

mod against_source;
mod statement;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use seismic_derived::SQL;
use seismic_pipeline::Entry;
use seismic_pipeline::verify::{Difference, LostRange, Proved, Report, SpreadRows, verify};
use seismic_queue::JobStore;
use seismic_sinks::SinkSpec;
use serde_json::json;

use crate::backup;
use crate::cli::exit::{Outcome, Usage};
use crate::cli::format::{count, rate};
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;
use crate::job::kinds;
use crate::job::location::Location;
use crate::job::repartition::{InputQueue, StoredFirstStep};
use crate::job::sinks::compare;
use crate::sink_value::SinkValue;

/// Sensors that the text names; the JSON has more of them.
const SENSORS_NAMED: usize = 3;

/// Options of `seismic verify`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Verify the backup in this folder instead, and first that every file is what was backed up
    #[arg(long, value_name = "DIR", conflicts_with_all = ["job", "queue", "store", "group"])]
    backup: Option<PathBuf>,
    /// Fail when log or journal no longer reach back to the start of the job
    #[arg(long)]
    complete: bool,
    /// Also compare what this sink holds with the result topic: csv, csv:DIR, a postgres URL or
    /// rocketmq:TOPIC; repeatable
    #[arg(long = "sink", value_name = "SINK", value_parser = SinkValue)]
    sinks: Vec<SinkSpec>,
    /// Also say how the sources of the job file's tables differ from the versions that were stored last.
    /// Results stay those of the versions of then, so a difference is no failure
    #[arg(long, requires = "job", conflicts_with = "backup")]
    against_source: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Verifies the job; exit code 3 when something differs.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    // In this order: looking at a job that is not there makes no queue either.
    let location = match &args.backup {
        Some(folder) => {
            let kafka = args.target.options.kafka.clone();
            Location { kafka, ..backup::check(folder)?.1 }
        }
        None => args.target.location()?,
    };
    let store: Arc<dyn JobStore> = location.open_store()?.into();
    let view = store.view()?;
    let kind = kinds::of(&view)?;
    let compared = match args.against_source {
        true => against_source::compare(&args.target.file.read()?, &location, &store)?,
        false => Vec::new(),
    };
    let opened = InputQueue::open(&location, &view)?;
    let queue = opened.queue();
    let first = StoredFirstStep::of(&location, &view)?;
    let bar = progress_bar();
    let began = Instant::now();
    let mut report =
        verify(queue, &*store, &*kind.proof(Arc::clone(&store)), args.complete, &mut |it| {
            bar.inc(it);
        })?;
    let mut sinks = Vec::new();
    for spec in &args.sinks {
        sinks.push((spec, compare(spec, &location.queue, &*store, &mut report)?));
    }
    let mut prove = |first: StoredFirstStep| {
        FirstProved::of(&location, &first, args.complete, &mut |it| bar.inc(it))
    };
    let first = first.map(&mut prove).transpose()?;
    bar.finish_and_clear();
    if kind.name == SQL {
        if let Some(sink) = args.sinks.first() {
            let sink = sink.shown();
            return Err(Usage(format!(
                "sinks take rows of windows, and this job has none: leave {sink} out"
            ))
            .into());
        }
        let proved = statement::StatementProved { report: &report, view: &view, compared };
        match args.json {
            true => print_line(proved.as_json())?,
            false => {
                let of_tables = proved.compared.iter().map(against_source::ComparedTable::in_words);
                print(proved.in_words(began.elapsed()) + &of_tables.collect::<String>())?;
            }
        }
        return Ok(if report.is_fine() { Outcome::Fine } else { Outcome::Differs });
    }
    if args.json {
        let mut all = as_json(&report, &sinks);
        if let Some(first) = &first {
            all["repartition"] = first.as_json();
            all["verified"] = json!(report.is_fine() && first.report.is_fine());
        }
        print_line(all)?;
    } else {
        print(first.as_ref().map_or(String::new(), FirstProved::in_words))?;
        print(in_words(&report, &sinks, began.elapsed()))?;
    }
    let is_fine = report.is_fine() && first.is_none_or(|first| first.report.is_fine());
    Ok(if is_fine { Outcome::Fine } else { Outcome::Differs })
}

/// What was proved of the first step of a job that repartitions its input.
struct FirstProved {
    topic: String,
    internal_topic: String,
    report: Report,
}

impl FirstProved {
    fn of(
        location: &Location,
        first: &StoredFirstStep,
        complete: bool,
        progress: &mut dyn FnMut(u64),
    ) -> anyhow::Result<Self> {
        let job = &first.view.job;
        let queue = location.open_queue_of(&job.input().name)?;
        let report = verify(&*queue, &*first.store, &first.kind()?, complete, progress)?;
        let (topic, internal_topic) = (job.input().name.clone(), job.main_topic().to_owned());
        Ok(FirstProved { topic, internal_topic, report })
    }

    /// Records in the internal topic, and dead letters.
    fn rows(&self) -> [u64; 2] {
        [0, 1].map(|place| {
            let of = |part: &Proved| part.rows.get(place).copied().unwrap_or(0);
            self.report.partitions.iter().map(of).sum()
        })
    }

    fn in_words(&self) -> String {
        let FirstProved { topic, internal_topic, report } = self;
        if !report.is_fine() {
            let total = count(report.total);
            let mut text = format!("{total} differences between {topic} and {internal_topic}:\n");
            for difference in &report.differences {
                text += &format!("  {difference}\n");
            }
            return text;
        }
        let verified = if report.is_complete() { "verified" } else { "verified in part" };
        let [records, letters] = self.rows();
        format!(
            "{verified}: {} records of {topic} are in {internal_topic}, each there once, by sensor and \
             bit by bit; {} messages are dead letters of the first step\n",
            count(records),
            count(letters),
        )
    }

    fn as_json(&self) -> serde_json::Value {
        let [records, letters] = self.rows();
        json!({
            "verified": self.report.is_fine(),
            "complete": self.report.is_complete(),
            "topic": self.topic,
            "internal_topic": self.internal_topic,
            "records": records,
            "dead_letters": letters,
            "checkpoints": self.report.partitions.iter().map(|part| part.checkpoints).sum::<u64>(),
            "total_differences": self.report.total,
            "differences": self.report.differences.iter().map(as_text).collect::<Vec<_>>(),
        })
    }
}

fn as_text(difference: &Difference) -> String {
    difference.to_string()
}

fn progress_bar() -> ProgressBar {
    let target = if std::io::stderr().is_terminal() {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{spinner} {human_pos} messages folded ({per_sec})")
        .expect("the template is well formed");
    ProgressBar::with_draw_target(None, target).with_style(style)
}

fn in_words(report: &Report, sinks: &[(&SinkSpec, u64)], time: Duration) -> String {
    let counters = report.counters();
    let sum = |of: fn(&seismic_pipeline::verify::Proved) -> u64| -> u64 {
        report.partitions.iter().map(of).sum()
    };
    let mut text = String::new();
    for proved in report.partitions.iter().filter(|proved| !proved.is_complete()) {
        text += &format!(
            "partition {}: only offsets {} to {} could be proved, the {gone} before them is gone\n",
            proved.partition,
            proved.from,
            proved.to,
            gone = proved.gone()
        );
    }
    for proved in &report.partitions {
        for LostRange { from, to, .. } in &proved.lost {
            text += &format!(
                "partition {}: offsets {from} to {} were gone before they were read; the loss was \
                 accepted\n",
                proved.partition,
                to.0 - 1
            );
        }
    }
    for proved in &report.partitions {
        if let Some(Entry::Fork { group, checkpoint, .. }) = &proved.fork {
            let (partition, at) = (proved.partition, proved.began.unwrap_or_default());
            text += &format!(
                "partition {partition}: forked from checkpoint {checkpoint} of group {group} at offset {at}\n"
            );
        }
    }
    text += &in_several_partitions(report);
    let verified = if report.is_complete() { "verified" } else { "verified in part" };
    if report.is_fine() {
        text += &format!(
            "{verified}: {} records = {} in closed windows + {} open + {} late + {} rejected\n\
             \x20         {} windows and {} dead letters, each present once and bit-identical\n",
            count(counters.read),
            count(counters.closed),
            count(counters.open),
            count(counters.late()),
            count(counters.rejected()),
            count(sum(|p| p.windows())),
            count(sum(|p| p.dead_letters())),
        );
        let levels = report.partitions.iter().map(|p| p.rollups().len()).max().unwrap_or(0);
        if levels > 0 {
            let rows = sum(|p| p.rollups().iter().sum());
            let are = if levels == 1 { "roll-up is" } else { "roll-ups are" };
            text += &format!(
                "          {} rows of {levels} {are} computed from these windows, each present once and bit-identical\n",
                count(rows)
            );
        }
        text += &format!(
            "          {} retained checkpoints are the state at their position; idle closes: {} \
             confirmed, {} not provable\n",
            count(sum(|p| p.checkpoints)),
            count(sum(|p| p.idle_proved)),
            count(sum(|p| p.idle_unproved)),
        );
        for (spec, rows) in sinks {
            let sink = spec.shown();
            text += &format!("          {sink} holds {} of these rows, each once\n", count(*rows));
        }
        text += &format!(
            "          {} partitions in {:.1} s ({} records/s)\n",
            report.partitions.len(),
            time.as_secs_f64(),
            rate(counters.read, time),
        );
    } else {
        let word = if report.total == 1 { "difference" } else { "differences" };
        text += &format!("{} {word}; the first of each partition:\n", count(report.total));
        for difference in &report.differences {
            text += &format!("  {difference}\n");
        }
    }
    text
}

/// Sensors that have rows in several partitions.
fn in_several_partitions(report: &Report) -> String {
    let mut text = String::new();
    let partitions = |rows: &SpreadRows| {
        rows.partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    for (sensor, rows) in report.spread.iter().take(SENSORS_NAMED) {
        text += &format!(
            "sensor {sensor:?} is spread over partitions {}: {} rows are of a window that also has a \
             row in another partition\n",
            partitions(rows),
            count(rows.rows)
        );
    }
    text += &further(report.spread_total, "are also spread over partitions");
    for (sensor, rows) in report.moved.iter().take(SENSORS_NAMED) {
        text += &format!(
            "sensor {sensor:?} has rows in partitions {}, but never of the same window: a partitioner \
             was changed, or partitions were added\n",
            partitions(rows)
        );
    }
    text + &further(report.moved_total, "also moved between partitions")
}

fn further(total: u64, what: &str) -> String {
    match total.saturating_sub(SENSORS_NAMED as u64) {
        0 => String::new(),
        further => format!("{} further sensors {what}\n", count(further)),
    }
}

fn sensors_as_json(sensors: &BTreeMap<String, SpreadRows>) -> serde_json::Value {
    let one = |(sensor, rows): (&String, &SpreadRows)| {
        let partitions = rows.partitions.iter().map(|partition| partition.0).collect::<Vec<_>>();
        json!({ "sensor": sensor, "partitions": partitions, "rows": rows.rows })
    };
    sensors.iter().map(one).collect()
}

fn as_json(report: &Report, sinks: &[(&SinkSpec, u64)]) -> serde_json::Value {
    let counters = report.counters();
    json!({
        "verified": report.is_fine(),
        "complete": report.is_complete(),
        "read": counters.read,
        "closed": counters.closed,
        "open": counters.open,
        "late": counters.late(),
        "rejected": counters.rejected(),
        "windows": counters.windows,
        "lost_messages": counters.lost_messages,
        "partitions": report.partitions.iter().map(|proved| json!({
            "partition": proved.partition.0,
            "from": proved.from.0,
            "to": proved.to.0,
            "complete": proved.is_complete(),
            "forked_from": forked_from(proved),
            "rows": proved.windows(),
            "rollups": proved.rollups(),
            "dead_letters": proved.dead_letters(),
            "checkpoints": proved.checkpoints,
            "idle_proved": proved.idle_proved,
            "idle_unproved": proved.idle_unproved,
            "lost": proved.lost.iter().map(|LostRange { from, to, .. }| json!({
                "from": from.0,
                "to": to.0,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "spread_sensors": report.spread_total,
        "spread": sensors_as_json(&report.spread),
        "moved_sensors": report.moved_total,
        "moved": sensors_as_json(&report.moved),
        "sinks": sinks.iter().map(|(spec, rows)| json!({
            "sink": spec.shown(),
            "rows": rows,
        })).collect::<Vec<_>>(),
        "total_differences": report.total,
        "differences": report.differences.iter().map(|difference| json!({
            "partition": difference.partition.0,
            "kind": difference.kind.name(),
            "key": difference.key,
            "expected": difference.expected,
            "found": difference.found,
            "offset": difference.offset.map(|offset| offset.0),
        })).collect::<Vec<_>>(),
    })
}

/// The job and checkpoint that a fork came from.
fn forked_from(proved: &Proved) -> Option<serde_json::Value> {
    match &proved.fork {
        Some(Entry::Fork { group, store, checkpoint, .. }) => Some(json!({
            "group": group,
            "home": store,
            "checkpoint": checkpoint,
            "position": proved.began.map(|at| at.0),
        })),
        _ => None,
    }
}
