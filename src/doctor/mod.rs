//! `seismic doctor`: everything that is wrong with the places of a job, at once, each with its
//! remedy. It makes nothing and changes nothing.

use std::path::Path;
use std::time::Duration;

use seismic_pipeline::RetentionLag;
use seismic_queue::{
    Access, Error, Event, Finding, JobStore, Level, Need, Offset, Partition, Queue, Span, Topic,
    View, examine_folder,
};
use seismic_sinks::Spec;
use serde_json::json;

use crate::cli::exit::Outcome;
use crate::cli::format::count;
use crate::cli::remedy;
use crate::cli::stdio::{print, print_line};
use crate::cli::target::{InputTopic, Target};
use crate::cli::time::now_ms;
use crate::job::location::Location;

/// A clock that is so much ahead of ours is wrong, or ours is, ms.
const CLOCK_MS: i64 = 1_000;

/// Options of `seismic doctor`.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    topic: InputTopic,
    /// A sink that the job has; may be given several times
    #[arg(long = "sink", value_name = "SINK")]
    sinks: Vec<Spec>,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// What was found of one place.
struct Section {
    of: String,
    findings: Vec<Finding>,
}

/// Looks at everything; code 3 when something is a problem.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let mut sections = Vec::new();
    let location = &args.target.location()?;
    let topic = &args.topic.name();
    let queue = of_queue(args, location, topic, &mut sections);
    of_store(location, queue.as_ref(), &mut sections);
    for spec in &args.sinks {
        let findings = match spec.scheme() {
            "csv" => examine_folder(Path::new(spec.target())),
            "rocketmq" => vec![Finding::fine("see the queue: it is the same cluster")],
            _ => vec![Finding::fine("keeps no position: what it shows is not shown again")],
        };
        sections.push(Section { of: format!("sink {spec}"), findings });
    }
    let all = || sections.iter().flat_map(|section| &section.findings);
    if args.json {
        print_line(as_json(&sections))?;
    } else {
        print(in_words(&sections))?;
    }
    match all().any(|finding| finding.level == Level::Problem) {
        true => Ok(Outcome::Differs),
        false => Ok(Outcome::Fine),
    }
}

/// The queue and its topic, if they can be reached.
fn of_queue(
    args: &Args,
    location: &Location,
    topic_name: &str,
    sections: &mut Vec<Section>,
) -> Option<(Box<dyn Queue>, Option<Topic>)> {
    let mut findings = Vec::new();
    let mut found = None;
    match location.open_queue_of(topic_name) {
        // A file that is not there yet; its disk is what there is to look at.
        Err(Error::TopicMissing { .. }) => {
            if let Some(path) = location.queue.file() {
                findings.extend(examine_folder(path.parent().unwrap_or(Path::new("."))));
            }
            findings.push(missing(topic_name));
        }
        Err(error) => findings.push(failed(&error)),
        Ok(queue) => {
            let topic = match queue.topic(topic_name) {
                Ok(topic) => Some(topic),
                Err(Error::TopicMissing { .. }) => {
                    findings.push(missing(topic_name));
                    None
                }
                Err(error) => {
                    findings.push(failed(&error));
                    None
                }
            };
            let examined = queue.examine(topic.as_ref());
            findings.extend(examined.unwrap_or_else(|error| vec![failed(&error)]));
            let rights = queue.examine_rights(&needs(args, location, topic_name));
            findings.extend(rights.unwrap_or_else(|error| vec![failed(&error)]));
            if let Some(topic) = &topic {
                findings.push(of_topic(&*queue, topic).unwrap_or_else(|error| failed(&error)));
                findings.push(of_clock(&*queue, topic).unwrap_or_else(|error| failed(&error)));
            }
            found = Some((queue, topic));
        }
    }
    sections.push(Section { of: format!("queue {}", location.queue), findings });
    found
}

/// What a job of these options does with the queue's topics, and what those do who publish.
fn needs(args: &Args, location: &Location, input: &str) -> Vec<Need> {
    let need =
        |topic: &str, access, who, level| Need { topic: topic.to_owned(), access, who, level };
    let group = Some(location.group.clone());
    let mut needs = vec![
        need(input, Access::Read(group), "run reads it", Level::Problem),
        need(input, Access::Read(None), "verify, read and replay read it", Level::Warning),
        need(input, Access::Append, "generate and import append to it", Level::Warning),
    ];
    for spec in args.sinks.iter().filter(|spec| spec.scheme() == "rocketmq") {
        let rows = spec.target();
        needs.push(need(rows, Access::Append, "the sink appends rows to it", Level::Problem));
        needs.push(need(rows, Access::Read(None), "the sink reads it back", Level::Problem));
    }
    needs
}

fn missing(topic: &str) -> Finding {
    let what = format!("there is no topic {topic:?} yet");
    Finding::warning(what, "seismic generate or seismic import makes one; run waits for it")
}

fn failed(error: &Error) -> Finding {
    let remedy = error.remedy().map_or("as it says".to_owned(), |it| remedy::in_words(&it));
    Finding::problem(error.to_string(), remedy)
}

fn of_topic(queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Finding> {
    let messages = queue.spans(topic)?.iter().map(|span| span.end.0 - span.first.0).sum();
    let (messages, partitions) = (count(messages), topic.partitions);
    Ok(Finding::fine(format!("{}: {messages} messages in {partitions} partitions", topic.name)))
}

/// Compares our clock with the times of the newest messages.
fn of_clock(queue: &dyn Queue, topic: &Topic) -> seismic_queue::Result<Finding> {
    let mut newest = None;
    for (partition, span) in topic.all().zip(queue.spans(topic)?) {
        if span.first < span.end {
            newest = newest.max(append_ms(queue, topic, partition, span)?);
        }
    }
    Ok(clock(newest, now_ms()))
}

fn clock(newest_ms: Option<i64>, now_ms: i64) -> Finding {
    match newest_ms.map_or(0, |newest_ms| newest_ms.saturating_sub(now_ms)) {
        ahead_ms if ahead_ms > CLOCK_MS => Finding::problem(
            format!("the newest message was appended {ahead_ms} ms ahead of this machine's clock"),
            "set both clocks, for example by NTP: sensors' times are judged by them",
        ),
        _ => Finding::fine("no message was appended ahead of this machine's clock"),
    }
}

/// When the last message of a partition was appended.
fn append_ms(
    queue: &dyn Queue,
    topic: &Topic,
    partition: Partition,
    span: Span,
) -> seismic_queue::Result<Option<i64>> {
    let last = Offset(span.end.0 - 1);
    let mut reader = queue.reader(topic, &[(partition, last)])?;
    match reader.read(Duration::from_secs(5), &mut Vec::new())? {
        Event::Batch(batch) => Ok(batch.messages().map(|message| message.append_ms).max()),
        _ => Ok(None),
    }
}

fn of_store(
    location: &Location,
    queue: Option<&(Box<dyn Queue>, Option<Topic>)>,
    sections: &mut Vec<Section>,
) {
    let url = location.store_url();
    let mut findings = Vec::new();
    match location.open_store() {
        Err(error) => findings.push(failed(&error)),
        Ok(store) => {
            match store.topics().examine(None) {
                Ok(examined) => findings.extend(examined),
                Err(error) => findings.push(failed(&error)),
            }
            match store.view() {
                Err(Error::StoreMissing { .. }) => {
                    findings.push(Finding::fine("no job has run here yet"));
                }
                Err(error) => findings.push(failed(&error)),
                Ok(view) => of_job(&*store, &view, queue, &mut findings),
            }
        }
    }
    sections.push(Section { of: format!("store {url}"), findings });
}

fn of_job(
    store: &dyn JobStore,
    view: &View,
    queue: Option<&(Box<dyn Queue>, Option<Topic>)>,
    findings: &mut Vec<Finding>,
) {
    match store.leased_by() {
        Ok(Some(lease)) => findings.push(Finding::fine(format!("the job runs: {lease}"))),
        Ok(None) => findings.push(Finding::fine("the job does not run now")),
        Err(error) => findings.push(failed(&error)),
    }
    let Some((queue, Some(topic))) = queue else { return };
    let input = &view.job.input;
    if input.name != topic.name {
        let what = format!("the job reads {:?}, not {:?}", input.name, topic.name);
        findings.push(Finding::problem(what, "say --topic, or --group for another job"));
        return;
    }
    if let Err(error @ Error::QueuesDiffer { .. }) = input.is_still(topic, &queue.name()) {
        findings.push(failed(&error));
        return;
    }
    if input.id != topic.id {
        findings.push(Finding::problem(
            format!("the topic {:?} was deleted and made again since the job began", topic.name),
            "what it had is gone; begin a new job with another --group",
        ));
        return;
    }
    match queue.spans(topic) {
        Ok(spans) => findings.extend(positions(view, &spans)),
        Err(error) => findings.push(failed(&error)),
    }
    match RetentionLag::of(&**queue, topic, false) {
        Ok(pinned) => findings.extend(pinned.iter().map(|pinned| {
            Finding::warning(
                pinned.to_string(),
                "let it catch up; seismic group list shows all holders",
            )
        })),
        Err(error) => findings.push(failed(&error)),
    }
}

/// Whether the log still has what the job reads next.
fn positions(view: &View, spans: &[Span]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut lag = 0;
    for ((partition, part), span) in view.job.input.all().zip(&view.partitions).zip(spans) {
        let next = part.progress.as_ref().map_or(span.first, |progress| progress.next);
        lag += span.end.0.saturating_sub(next.0);
        if next < span.first {
            findings.push(Finding::problem(
                format!(
                    "partition {partition}: the job is at {next}, the log begins at {}",
                    span.first
                ),
                "restore the log, or go on without with run --accept-loss",
            ));
        }
        if next > span.end {
            findings.push(Finding::problem(
                format!(
                    "partition {partition}: the job is at {next}, the log ends at {}",
                    span.end
                ),
                "the queue lost what was acknowledged: restore it; the job refuses to go on",
            ));
        }
    }
    if findings.is_empty() {
        let lag = count(lag);
        findings
            .push(Finding::fine(format!("the log has what the job reads next, {lag} messages")));
    }
    findings
}

fn in_words(sections: &[Section]) -> String {
    let mut text = String::new();
    for section in sections {
        text += &format!("{}\n", section.of);
        for finding in &section.findings {
            let level = match finding.level {
                Level::Fine => "ok",
                Level::Warning => "warning",
                Level::Problem => "PROBLEM",
            };
            text += &format!("  {level:<8} {}\n", finding.what);
            if !finding.remedy.is_empty() {
                text += &format!("           -> {}\n", finding.remedy);
            }
        }
    }
    let of = |level| {
        let all = sections.iter().flat_map(|section| &section.findings);
        all.filter(|finding| finding.level == level).count()
    };
    text + &format!("{} problems, {} warnings\n", of(Level::Problem), of(Level::Warning))
}

fn as_json(sections: &[Section]) -> serde_json::Value {
    let all = sections.iter().flat_map(|section| {
        section.findings.iter().map(|finding| {
            let level = match finding.level {
                Level::Fine => "fine",
                Level::Warning => "warning",
                Level::Problem => "problem",
            };
            json!({
                "of": section.of, "level": level, "what": finding.what, "remedy": finding.remedy,
            })
        })
    });
    json!({ "findings": all.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_from_the_future_shows_that_a_clock_is_wrong() {
        assert_eq!(clock(Some(5_000), 3_000).level, Level::Problem);
        assert_eq!(clock(Some(4_000), 3_000).level, Level::Fine);
        assert_eq!(clock(None, 0).level, Level::Fine);
    }
}
