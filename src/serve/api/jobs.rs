//! The jobs of a server, as the HTTP side shows them.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use serde_json::{Map, Value};

use crate::http::history::Point;
use crate::http::model::{AlarmCounts, JobEntry, LogLine, Worker};
use crate::http::{Action, ApiError, JobTopics, Jobs, limits};
use crate::job::location::Location;
use crate::serve::handle::Handle;
use crate::serve::life::{Input, Intent};
use crate::serve::served_job::ServedJob;
use crate::serve::state::history;
use crate::serve::supervisor::Supervisor;
use crate::serve::worker::folder::WorkerFolder;
use crate::serve::workers;
use crate::serve::workers::elastic::scaler::is_shared;
use crate::status::numbers::JobNumbers;
use crate::time::{now_ms, parse_ms};

/// Bytes at the end of a log that are searched for its newest lines.
const TAIL_BYTES: usize = 1 << 20;

/// The jobs of a server.
pub struct ServedJobs {
    handle: Arc<Handle>,
    history: Mutex<Connection>,
    host: String,
    since_ms: i64,
    ready_lag_ms: i64,
}

impl ServedJobs {
    /// Those behind the handle, with a connection to the server's state.
    #[must_use]
    pub fn new(handle: Arc<Handle>, history: Connection, ready_lag_ms: i64) -> ServedJobs {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let history = Mutex::new(history);
        ServedJobs { handle, history, host, since_ms: now_ms(), ready_lag_ms }
    }
}

/// A job as the API shows it.
fn entry(server: &Supervisor, job: &ServedJob, alarms: AlarmCounts) -> JobEntry {
    let processes = server.processes_of(job.name());
    let standing = workers::standing(&processes);
    let past = server.past_of(job.name());
    // Of a job without a worker it is known how far it came, and nothing else.
    let at_rest = || JobNumbers {
        counts: past.as_ref().map(JobNumbers::totals).unwrap_or_default(),
        ..JobNumbers::default()
    };
    JobEntry {
        name: job.name().to_owned(),
        group: job.group().to_owned(),
        state: standing.state.name().to_owned(),
        since_ms: standing.since_ms,
        why: standing.why,
        last_error: standing.last_error,
        restarts: processes.iter().map(|process| process.life.saved().restarts_total).sum(),
        is_archived: job.life.saved().archived.is_some(),
        alarms,
        numbers: server.numbers_of(job.name()).map_or_else(at_rest, |(_, numbers)| numbers),
        past,
        scaling: server.scaling_numbers(job.name()),
    }
}

fn worker(server: &Supervisor, job: &ServedJob, host: &str) -> Option<Worker> {
    let link = job.link.as_ref();
    let is_shared = job.spec.as_ref().is_some_and(is_shared);
    let is_scaled = is_shared && server.wanted_slots(job.job_name(), 1).is_some();
    let is_one_of_several = job.service.workers > 1 || job.place() != 1 || is_scaled;
    // Of several, one that is missing is shown; its name stays through its restarts.
    if link.is_none() && !(is_one_of_several && job.life.saved().intent != Intent::Stop) {
        return None;
    }
    let pid = link.map_or(0, |link| link.pid);
    let report = job.report.as_ref().map(|(_, report)| report.clone()).unwrap_or_default();
    let held = report.numbers.partitions.iter().filter(|it| it.is_held);
    let partitions: Vec<u32> = held.map(|it| it.partition).collect();
    Some(Worker {
        name: match is_one_of_several {
            true => job.worker_name(),
            false => format!("{}-{pid}", job.name()),
        },
        job: job.job_name().to_owned(),
        host: host.to_owned(),
        pid,
        started_ms: job.life.saved().started_ms,
        is_alive: link.is_some() && job.silent_since_ms.is_none(),
        slots: report.slots,
        slots_used: report.slots.min(partitions.len() as u64),
        partitions,
        memory_bytes: report.numbers.memory_bytes,
        cpu_ms: report.numbers.cpu_ms,
    })
}

impl Jobs for ServedJobs {
    fn jobs(&self) -> Vec<JobEntry> {
        let all = |server: &mut Supervisor| {
            let server = &*server;
            let alarms = server.state().alarm_counts().unwrap_or_else(|error| {
                tracing::warn!("alarms cannot be counted: {error:#}");
                BTreeMap::new()
            });
            let of = |job: &ServedJob| alarms.get(job.name()).copied().unwrap_or_default();
            server.jobs().map(|job| entry(server, job, of(job))).collect()
        };
        self.handle.ask(all).unwrap_or_default()
    }

    fn workers(&self) -> Vec<Worker> {
        let host = self.host.clone();
        let all = self.handle.ask(move |server| {
            let server = &*server;
            let here = server.entries().filter_map(|job| worker(server, job, &host));
            let others = server.jobs().flat_map(|job| server.elsewhere_of(job.name()));
            here.chain(others).collect()
        });
        all.unwrap_or_default()
    }

    fn location(&self, job: &str) -> Option<Location> {
        let job = job.to_owned();
        let found = self.handle.ask(move |server| {
            server.job(&job).and_then(|job| Some(job.spec.as_ref()?.location()))
        });
        found.ok().flatten()
    }

    fn topics(&self, job: &str) -> Option<JobTopics> {
        let job = job.to_owned();
        let found = self.handle.ask(move |server| {
            let spec = server.job(&job)?.spec.as_ref()?;
            let (input, result) = (spec.topic.clone(), spec.result_topic.clone());
            Some(JobTopics { input, result, dead: spec.dead_topic.clone() })
        });
        found.ok().flatten()
    }

    fn history(&self, job: &str, from_ms: i64) -> Vec<Point> {
        let db = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history::read(&db, job, from_ms).unwrap_or_else(|error| {
            tracing::warn!("the history of job {job} cannot be read: {error:#}");
            Vec::new()
        })
    }

    fn logs(&self, job: &str, lines: usize) -> Vec<LogLine> {
        let job = job.to_owned();
        let folders = self.handle.ask(move |server| {
            let processes = server.processes_of(&job);
            let one = |it: &&ServedJob| (it.place(), server.settings().worker_folder(it.name()));
            processes.iter().map(one).collect::<Vec<_>>()
        });
        let folders = folders.unwrap_or_default();
        let most = lines.min(limits::PAGE);
        let is_one_of_several = folders.len() > 1;
        let mut all: Vec<LogLine> = Vec::new();
        for (place, folder) in folders {
            let lines = newest_lines(&WorkerFolder::at(folder), most);
            let worker = is_one_of_several.then_some(place);
            all.extend(lines.into_iter().map(|line| LogLine { worker, ..line }));
        }
        // Lines of one time stay in their order.
        all.sort_by_key(|line| line.time_ms);
        all.split_off(all.len().saturating_sub(most))
    }

    fn act(&self, job: &str, action: &Action) -> Result<(), ApiError> {
        let name = job.to_owned();
        match action {
            Action::Stop => self
                .handle
                .ask(move |server| server.ask(&name, Input::Stop))?
                .map_err(|error| ApiError::new("unavailable", format!("{error:#}"))),
            Action::Savepoint(savepoint) => {
                let location = self.location(job).ok_or_else(|| ApiError::no_job(job))?;
                save(&location, savepoint).map_err(|error| ApiError::conflict(format!("{error:#}")))
            }
        }
    }

    fn answers(&self) -> Result<(), ApiError> {
        self.handle.ask(|_| ())
    }

    fn since_ms(&self) -> i64 {
        self.since_ms
    }

    fn ready_lag_ms(&self) -> i64 {
        self.ready_lag_ms
    }
}

/// Asks a running job for a checkpoint of that name, or names the newest one of a job that is
/// stopped.
fn save(location: &Location, name: &str) -> anyhow::Result<()> {
    let store = location.open_store()?;
    match store.leased_by()? {
        Some(_) => store.request_checkpoint(name)?,
        None => store.name_newest_checkpoint(name)?,
    }
    Ok(())
}

/// The newest lines of a worker's log, the oldest first.
fn newest_lines(folder: &WorkerFolder, most: usize) -> Vec<LogLine> {
    let read = |path| fs::read(path).unwrap_or_default();
    let mut text = read(folder.log());
    if text.len() < TAIL_BYTES / 16 {
        // It was replaced lately.
        let older = read(crate::serve::worker::logs::numbered(&folder.log(), 1));
        text = [older, text].concat();
    }
    let tail = &text[text.len().saturating_sub(TAIL_BYTES)..];
    let tail = String::from_utf8_lossy(tail);
    let mut lines: Vec<LogLine> = Vec::new();
    for line in tail.lines() {
        match parse_line(line) {
            Some(line) => lines.push(line),
            // A panic, or what a sink prints.
            None => lines.push(LogLine {
                time_ms: lines.last().map_or(0, |line| line.time_ms),
                level: "info".to_owned(),
                message: line.to_owned(),
                worker: None,
                is_printed: true,
            }),
        }
    }
    lines.split_off(lines.len().saturating_sub(most))
}

/// `TIME LEVEL MESSAGE`, or an object with these and further values.
fn parse_line(line: &str) -> Option<LogLine> {
    if line.starts_with('{') {
        return parse_json(line);
    }
    let (time, rest) = line.split_once(' ')?;
    let (level, message) = rest.trim_start().split_once(' ')?;
    let level = level.to_ascii_lowercase();
    if !matches!(&*level, "error" | "warn" | "info" | "debug" | "trace") {
        return None;
    }
    let (time_ms, message) = (parse_ms(time).ok()?, message.to_owned());
    Some(LogLine { time_ms, level, message, ..LogLine::default() })
}

fn parse_json(line: &str) -> Option<LogLine> {
    let mut values: Map<String, Value> = serde_json::from_str(line).ok()?;
    let mut text = |name: &str| match values.remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let (time_ms, level) = (parse_ms(&text("time")?).ok()?, text("level")?);
    let mut message = text("message")?;
    for (name, value) in values {
        message += &match value {
            Value::String(value) => format!(" {name}={value}"),
            value => format!(" {name}={value}"),
        };
    }
    Some(LogLine { time_ms, level, message, ..LogLine::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_json_is_the_same_line() {
        let text = "2026-11-29T04:58:30.135Z  WARN sink failed, retrying sink=csv:rows";
        let json = r#"{"time":"2026-11-29T04:58:30.135Z","level":"warn","message":"sink failed, retrying","sink":"csv:rows"}"#;
        assert_eq!(parse_line(json), parse_line(text));
        assert_eq!(parse_line("{\"sensor\": 1}"), None);
    }

    #[test]
    fn a_line_of_the_log_has_its_time_and_level() {
        let line = parse_line("2026-11-29T04:58:30.135887Z  INFO job coast: starting").unwrap();
        assert_eq!((&*line.level, &*line.message), ("info", "job coast: starting"));
        assert_eq!(line.time_ms % 1_000, 135);
        assert_eq!(parse_line("Window Result: S001 avg=4.2"), None);
    }

    #[test]
    fn the_newest_lines_come_last_and_reach_into_the_file_before() {
        let root = tempfile::tempdir().unwrap();
        let folder = WorkerFolder::at(root.path().to_owned());
        fs::write(root.path().join("log.1"), "2026-11-29T04:58:30Z WARN old\n").unwrap();
        fs::write(folder.log(), "2026-11-29T04:58:31Z INFO new\nprinted\n").unwrap();
        let messages = |most| {
            newest_lines(&folder, most).into_iter().map(|line| line.message).collect::<Vec<_>>()
        };
        assert_eq!(messages(10), ["old", "new", "printed"]);
        assert_eq!(messages(1), ["printed"]);
    }
}
