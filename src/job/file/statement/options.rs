//! Options of a job that mean something to one with a statement, and those that are of windows of
//! records alone.

use std::collections::BTreeSet;

use seismic_derived::{Definition, TimeBasis, TimingDefinition, WindowDefinition};

use crate::job::JobSpec;
use crate::job::options::{Clock, JobOptions};

/// Options that say what windows are, and which records count in them: a job with a statement has
/// none.
pub const OF_WINDOWS: [&str; 17] = [
    "window",
    "lateness",
    "allowed_lateness",
    "idle_timeout",
    "max_ahead",
    "max_jump",
    "time",
    "dedupe",
    "amplitude",
    "region",
    "earliest_event",
    "latest_event",
    "phases",
    "rollup",
    "max_sensors",
    "spread",
    "repartition",
];

/// Those of them that are of the clock of a statement, too.
const OF_TIME: [&str; 4] = ["window", "lateness", "max_ahead", "time"];

/// Those of the options that a job with a statement cannot have, with the reason.
pub fn strange<'a>(
    set: &'a BTreeSet<&'static str>,
    definition: &'a Definition,
) -> impl Iterator<Item = (&'static str, String)> + 'a {
    let strange = set.iter().filter(move |key| !is_taken(key, definition));
    strange.map(|key| match *key {
        "sink" => {
            let why = "sinks take rows of windows; the rows of a job with sql are in its output topic, \
                       where `seismic read` and other jobs find them: leave it out";
            ("sink", why.to_owned())
        }
        key if definition.join.is_some() && ["lateness", "max_ahead"].contains(&key) => {
            (key, format!("of a join it stands in its table: write join.{key}"))
        }
        key if OF_TIME.contains(&key) => {
            let why = "it is of jobs whose rows have an event time, and this one has none: write \
                       input.time, as in time = { column = \"NAME\", format = \"ms\" }, or leave it out";
            (key, why.to_owned())
        }
        key => {
            let has = if definition.operator.is_some() { "an operator" } else { "sql" };
            (key, format!("it is of jobs that make windows, and this one has {has}: leave it out"))
        }
    })
}

/// Whether a value of a job is shown for one that has a statement.
#[must_use]
pub fn is_shown(key: &str, definition: &Definition) -> bool {
    is_taken(key, definition) && !matches!(key, "topic" | "result_topic")
}

/// Whether a job with that statement has that option. Only in joins and windows is anything idle.
fn is_taken(key: &str, definition: &Definition) -> bool {
    let has_windows = definition.window().is_some();
    match key {
        "idle_timeout" => definition.join.is_some() || has_windows,
        "window" => has_windows,
        key if OF_TIME.contains(&key) => definition.timing.is_some(),
        key => !is_of_windows(key),
    }
}

/// The clock of a statement, and its windows, by the options of a job; `None`: its rows have no event
/// time.
#[must_use]
pub fn timing(
    definition: &Definition,
    set: &BTreeSet<&'static str>,
    spec: &JobSpec,
) -> Option<TimingDefinition> {
    let has_windows = set.contains("window");
    let is_ingest = set.contains("time") && spec.time == Clock::Ingest;
    let is_timed = definition.input.time.is_some() || has_windows || is_ingest;
    // A join has a clock of its own; there windows are one thing too much.
    (is_timed && (definition.join.is_none() || has_windows)).then(|| TimingDefinition {
        time: if is_ingest { TimeBasis::Ingest } else { TimeBasis::Event },
        lateness_ms: spec.lateness.ms(),
        max_ahead_ms: spec.max_ahead.ms(),
        window: has_windows.then(|| WindowDefinition::of_ms(spec.window.ms())),
    })
}

/// Whether an option means something to windows alone.
fn is_of_windows(key: &str) -> bool {
    key == "sink" || OF_WINDOWS.contains(&key)
}

/// Options of windows left out, as defaults of a server have them.
#[must_use]
pub fn without_windows(all: JobOptions) -> JobOptions {
    JobOptions {
        location: all.location,
        from: all.from,
        slots: all.slots,
        slot: all.slot,
        commit_interval: all.commit_interval,
        checkpoint_interval: all.checkpoint_interval,
        checkpoints_kept: all.checkpoints_kept,
        max_records: all.max_records,
        until_caught_up: all.until_caught_up,
        drain: all.drain,
        http: all.http,
        quiet: all.quiet,
        ..JobOptions::default()
    }
}
