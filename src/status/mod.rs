//! `seismic status`: how far a job is, what it has counted, and who waits for what.

mod members;
mod sensors;

use seismic_pipeline::{Counters, Note, RejectReason, RetentionLag, RollupCounters};
use seismic_queue::{Job, PartitionView, Span, View, is_note};
use serde_json::{Value, json};

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::remedy::in_words;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::Target;
use crate::cli::time::show_ms;

/// Options of `seismic status`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Also show how each sensor fares: rate, gaps, repeats, and how wrong its clock is
    #[arg(long)]
    sensors: bool,
    /// With --sensors: messages of each partition that are looked at, newest first
    #[arg(long, value_name = "N", default_value_t = 10_000, requires = "sensors")]
    last: u64,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Shows the job.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let location = args.target.location()?;
    // In this order: looking at a job that is not there makes no queue either.
    let store = location.open_store()?;
    let view = store.view()?;
    let queue = location.open_queue_of(&view.job.input.name)?;
    let input = queue.topic(&view.job.input.name)?;
    view.job.input.is_still(&input, &queue.name())?;
    let spans = queue.spans(&input)?;
    let look = || sensors::look(&*queue, store.topics(), &view, args.last);
    let health = args.sensors.then(look).transpose()?;
    let mut pinned = RetentionLag::of(&*queue, &input, false)?;
    for topic in view.job.topics() {
        pinned.extend(RetentionLag::of(store.topics(), &store.topics().topic(topic)?, true)?);
    }
    let members = store.members()?;
    let status = Status::new(view, &spans, pinned)?;
    if args.json {
        let mut all = status.json();
        if let Some(members) = &members {
            all["members"] = members::json(members);
        }
        if let Some(health) = &health {
            all["by_sensor"] = sensors::json(health);
        }
        print_line(all)?;
    } else {
        let members = members.map(|members| members::text(&members, input.partitions));
        print(
            status.text()
                + &members.unwrap_or_default()
                + &health.as_ref().map(sensors::text).unwrap_or_default(),
        )?;
    }
    Ok(Outcome::Fine)
}

struct Status {
    view: View,
    partitions: Vec<Part>,
    /// Who keeps much more of a topic than its policy would.
    pinned: Vec<RetentionLag>,
}

/// What is shown of one partition.
struct Part {
    input: Span,
    note: Option<Note>,
}

impl Status {
    fn new(view: View, spans: &[Span], pinned: Vec<RetentionLag>) -> anyhow::Result<Self> {
        let part = |(part, span): (&PartitionView, &Span)| -> anyhow::Result<Part> {
            let note = part.progress.as_ref().map(|p| Note::decode(&p.note)).transpose()?;
            Ok(Part { input: *span, note })
        };
        let partitions =
            view.partitions.iter().zip(spans).map(part).collect::<anyhow::Result<_>>()?;
        Ok(Status { view, partitions, pinned })
    }

    fn both(&self) -> impl Iterator<Item = (&Part, &PartitionView)> {
        self.partitions.iter().zip(&self.view.partitions)
    }

    fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.partitions.iter().filter_map(|part| part.note.as_ref()).for_each(|note| {
            sum.add(&note.counters);
        });
        sum
    }

    fn lag(&self) -> u64 {
        self.both().map(|(part, view)| lag(part, view)).sum()
    }

    fn sum(&self, of: fn(&Note) -> u64) -> u64 {
        self.partitions.iter().filter_map(|part| part.note.as_ref()).map(of).sum()
    }

    fn text(&self) -> String {
        let job = &self.view.job;
        let counters = self.counters();
        let mut text = format!(
            "group {} reads {} and writes {} (dead letters: {})\n",
            job.group, job.input.name, job.result_topic, job.dead_topic
        );
        if let Some(note) = self.partitions.iter().find_map(|part| part.note.as_ref()) {
            let rules = &note.rules;
            text += &format!(
                "rules {}: windows of {} ms, lateness {} ms, at most {} ms ahead\n",
                rules.hash(),
                rules.window_ms,
                rules.lateness_ms,
                rules.max_ahead_ms
            );
        }
        text += "\npartition     position       lag   sensors      open   windows  last commit               checkpoint\n";
        for (i, (part, view)) in self.both().enumerate() {
            let Some((progress, note)) = view.progress.as_ref().zip(part.note.as_ref()) else {
                text += &format!("{i:>9}  not started\n");
                continue;
            };
            let checkpoint = view.checkpoints.last().map_or("none".to_owned(), |info| {
                format!("{} at {}", info.manifest.checkpoint, info.manifest.position)
            });
            text += &format!(
                "{i:>9} {:>12} {:>9} {:>9} {:>9} {:>9}  {}  {checkpoint}\n",
                count(progress.next.0),
                count(lag(part, view)),
                count(note.sensors),
                count(note.open_windows),
                count(note.counters.windows),
                show_ms(progress.committed_ms),
            );
        }
        text += &format!(
            "\n{} records read = {} in {} closed windows + {} open + {} late + {} rejected; lag {} messages\n",
            count(counters.read),
            count(counters.closed),
            count(counters.windows),
            count(counters.open),
            count(counters.late()),
            count(counters.rejected()),
            count(self.lag()),
        );
        for reason in RejectReason::ALL.into_iter().filter(|&reason| counters.dead(reason) > 0) {
            text += &format!("  {:<24} {}\n", reason.name(), count(counters.dead(reason)));
        }
        if counters.lost_messages > 0 {
            text += &format!(
                "{} messages were gone before they were read; the loss was accepted\n",
                count(counters.lost_messages)
            );
        }
        for (topic, rolled) in job.rollup_topics.iter().zip(&counters.rollups) {
            text += &format!(
                "{topic}: {} records in {} rows + {} in open spans\n",
                count(rolled.closed),
                count(rolled.rows),
                count(rolled.open),
            );
        }
        for pinned in &self.pinned {
            let release = in_words(&pinned.remedy());
            text += &format!("{pinned}; let it catch up, or, if it is gone for good: {release}\n");
        }
        for (sink, lag) in self.sinks() {
            text += &format!("sink {sink}: {} rows behind\n", count(lag));
        }
        text
    }

    /// Name and lag in rows of every sink that keeps a position.
    fn sinks(&self) -> Vec<(&str, u64)> {
        let mut sinks: Vec<(&str, u64)> = Vec::new();
        // A name with a `#` is a note that a sink keeps, no position.
        let shown = self.view.sinks.iter().filter(|position| !is_note(&position.sink));
        for position in shown {
            let end = self.view.partitions[position.partition.0 as usize].rows.end;
            let behind = end.0.saturating_sub(position.next.0);
            match sinks.iter_mut().find(|(name, _)| *name == position.sink) {
                Some((_, lag)) => *lag += behind,
                None => sinks.push((&position.sink, behind)),
            }
        }
        sinks
    }

    fn json(&self) -> Value {
        let job = &self.view.job;
        let counters = self.counters();
        let partitions: Vec<Value> =
            self.both().enumerate().map(|(i, (part, view))| part_json(i, part, view)).collect();
        json!({
            "group": job.group,
            "topic": job.input.name,
            "result_topic": job.result_topic,
            "dead_topic": job.dead_topic,
            "rollups": rollups(job, &counters),
            "read": counters.read,
            "closed": counters.closed,
            "open": counters.open,
            "late": counters.late(),
            "rejected": counters.rejected(),
            "windows": counters.windows,
            "lost_messages": counters.lost_messages,
            "by_reason": by_reason(&counters),
            "sensors": self.sum(|note| note.sensors),
            "open_windows": self.sum(|note| note.open_windows),
            "lag": self.lag(),
            "partitions": partitions,
            "pinned": self.pinned.iter().map(|pinned| json!({
                "topic": pinned.topic,
                "holder": pinned.holder,
                "bytes": pinned.bytes,
                "age_ms": pinned.age_ms,
                "release": in_words(&pinned.remedy()).trim_matches('`'),
            })).collect::<Vec<_>>(),
            "sinks": self.sinks().into_iter().map(|(sink, lag)| json!({
                "sink": sink,
                "lag": lag,
            })).collect::<Vec<_>>(),
        })
    }
}

fn lag(part: &Part, view: &PartitionView) -> u64 {
    let next = view.progress.as_ref().map_or(part.input.first, |progress| progress.next);
    part.input.end.0.saturating_sub(next.0)
}

fn by_reason(counters: &Counters) -> Value {
    RejectReason::ALL
        .into_iter()
        .map(|reason| (reason.name().to_owned(), Value::from(counters.dead(reason))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn rollups(job: &Job, counters: &Counters) -> Vec<Value> {
    let levels = job.rollup_topics.iter().zip(&counters.rollups);
    let level = |(topic, rolled): (&String, &RollupCounters)| {
        json!({
            "topic": topic,
            "rows": rolled.rows,
            "closed": rolled.closed,
            "open": rolled.open,
        })
    };
    levels.map(level).collect()
}

fn part_json(i: usize, part: &Part, view: &PartitionView) -> Value {
    let checkpoint = view.checkpoints.last().map(|info| {
        json!({
            "number": info.manifest.checkpoint,
            "position": info.manifest.position.0,
            "bytes": info.bytes,
            "created_ms": info.created_ms,
        })
    });
    json!({
        "partition": i,
        "first": part.input.first.0,
        "end": part.input.end.0,
        "position": view.progress.as_ref().map(|progress| progress.next.0),
        "lag": lag(part, view),
        "last_commit_ms": view.progress.as_ref().map(|progress| progress.committed_ms),
        "commits": view.progress.as_ref().map(|progress| progress.number),
        "sensors": part.note.as_ref().map(|note| note.sensors),
        "open_windows": part.note.as_ref().map(|note| note.open_windows),
        "read": part.note.as_ref().map(|note| note.counters.read),
        "lost_messages": part.note.as_ref().map(|note| note.counters.lost_messages),
        "rows": view.rows.end.0,
        "dead_letters": view.dead.end.0,
        "by_reason": part.note.as_ref().map(|note| by_reason(&note.counters)),
        "rules": part.note.as_ref().map(|note| note.rules.hash()),
        "checkpoint": checkpoint,
    })
}
