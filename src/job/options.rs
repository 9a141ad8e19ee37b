//! Options of a job, each set or not. Command line and job file have this same form, so that the
//! first can override the second.

use std::collections::BTreeSet;

use seismic_pipeline::{Dedupe, OnSpread, StartFrom, TimeMode};
use seismic_queue::Topic;
use seismic_sinks::SinkSpec;
use serde::{Deserialize, Serialize};

use super::cleaning::{AmplitudeRange, EventTime, PhaseList, RegionBox};
use super::location::LocationOptions;
use super::rollup::RollupSpan;
use super::time_span::TimeSpan;
use crate::http::HttpSettings;
use crate::sink_value::SinkValue;
use crate::time;

/// Options of a job. A key of a job file is the name of a field.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct JobOptions {
    /// Where it reads and keeps its state.
    #[command(flatten)]
    pub location: LocationOptions,
    /// Input topic [default: seismic-data-topic]
    #[arg(long, value_name = "NAME")]
    pub topic: Option<String>,
    /// Topic of result rows, in the job store [default: seismic-agg-topic]
    #[arg(long, value_name = "NAME")]
    pub result_topic: Option<String>,
    /// Topic of dead letters, in the job store [default: seismic-dead-topic]
    #[arg(long, value_name = "NAME")]
    pub dead_topic: Option<String>,
    /// Where results go: console, csv, csv:DIR, postgres://USER@HOST/DATABASE,
    /// mysql://USER@HOST/DATABASE, odbc:CONNECTION, redis://HOST/DATABASE,
    /// opensearch:http://HOST:PORT, hbase:http://HOST:PORT, kafka://HOST:PORT, parquet:DIR,
    /// geojson:FILE, influx:FILE or, on the queue's own cluster, rocketmq:TOPIC; repeatable [default: console]
    #[arg(long, value_name = "SINK", value_parser = SinkValue)]
    pub sink: Vec<SinkSpec>,
    /// Where a group without progress starts: earliest, latest, an offset or a time
    /// [default: earliest]
    #[arg(long, value_name = "WHERE", value_parser = time::parse_from)]
    pub from: Option<StartFrom>,
    /// Window length [default: 1s]
    #[arg(long, value_name = "DURATION")]
    pub window: Option<TimeSpan>,
    /// Watermark delay: how long a window waits for late records, in event time of its sensor
    /// [default: 500ms]
    #[arg(long, value_name = "DURATION")]
    pub lateness: Option<TimeSpan>,
    /// How long after that late records still count, in further rows of their window, in event time
    /// of the sensor [default: 0ms]
    #[arg(long, value_name = "DURATION")]
    pub allowed_lateness: Option<TimeSpan>,
    /// Close the windows of a sensor that has been silent this long; 0: never [default: 2s]
    #[arg(long, value_name = "DURATION")]
    pub idle_timeout: Option<TimeSpan>,
    /// Reject records whose event time is further ahead of the append time than this [default: 5s]
    #[arg(long, value_name = "DURATION")]
    pub max_ahead: Option<TimeSpan>,
    /// How far a single record may move the clock of its sensor; further only when later records
    /// confirm it, or when it has just arrived; 0: any record moves it [default: 1h]
    #[arg(long, value_name = "DURATION")]
    pub max_jump: Option<TimeSpan>,
    /// Clock that windows follow [default: event]
    #[arg(long, value_enum)]
    pub time: Option<Clock>,
    /// Reject a sensor's second record with the same event time in an open window [default: off]
    #[arg(long, value_enum)]
    pub dedupe: Option<Repeats>,
    /// Amplitudes that count, or none for every finite one; others become dead letters
    /// [default: -100..200]
    #[arg(long, value_name = "LOW..HIGH", allow_hyphen_values = true)]
    pub amplitude: Option<AmplitudeRange>,
    /// Count only records from this box, in degrees, or none for anywhere [default: none]
    #[arg(long, value_name = "WEST..EAST,SOUTH..NORTH", allow_hyphen_values = true)]
    pub region: Option<RegionBox>,
    /// Reject records with an event time before this one [default: 1900-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME")]
    pub earliest_event: Option<EventTime>,
    /// Reject records with an event time at or after this one [default: 2200-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME")]
    pub latest_event: Option<EventTime>,
    /// Phases that count [default: P,S,N]
    #[arg(long, value_name = "PHASES")]
    pub phases: Option<PhaseList>,
    /// Also sum windows up to spans of this length (10s, 5m), each into a result topic of its own;
    /// repeatable
    #[arg(long, value_name = "DURATION")]
    pub rollup: Vec<RollupSpan>,
    /// Sensors per partition; records of further sensors become dead letters [default: 1000000]
    #[arg(long, value_name = "N")]
    pub max_sensors: Option<u64>,
    /// When a sensor has records in several partitions at the same time, so that each makes rows of
    /// its own: warn and continue, or stop [default: warn]
    #[arg(long, value_enum)]
    pub spread: Option<Spread>,
    /// First bring the records of each sensor into one partition, in an internal topic of the job:
    /// for an input whose producers use no keys, or different partitioners
    #[arg(long)]
    pub repartition: bool,
    /// Threads that read and compute; at most one per partition is used [default: one per core]
    #[arg(long, value_name = "N")]
    pub slots: Option<usize>,
    /// Name of this worker among those that share a job in Kafka: a restarted worker with the same
    /// name takes its partitions over at once [default: derived from the machine]
    #[arg(long, value_name = "NAME", value_parser = parse_slot)]
    pub slot: Option<String>,
    /// Longest time that a row waits for its commit [default: 20ms]
    #[arg(long, value_name = "DURATION")]
    pub commit_interval: Option<TimeSpan>,
    /// Longest time between two checkpoints of a partition that has new records, 100ms to 1h; one
    /// is also taken when a replay would take longer than five of them [default: 5s]
    #[arg(long, value_name = "DURATION")]
    pub checkpoint_interval: Option<TimeSpan>,
    /// How many of the newest checkpoints of each partition are kept, 2 to 100, so that recovery can
    /// fall back to them; they hold the log, and named ones do not count [default: 10]
    #[arg(long, value_name = "N")]
    pub checkpoints_kept: Option<u32>,
    /// Stop after the message in which this many records are reached; each further slot may finish
    /// one more message
    #[arg(long, value_name = "N")]
    pub max_records: Option<u64>,
    /// Stop at the current end of the log; open windows stay in the checkpoint
    #[arg(long)]
    pub until_caught_up: bool,
    /// Stop at the current end of the log and close every window
    #[arg(long, conflicts_with = "until_caught_up")]
    pub drain: bool,
    /// Serve metrics, probes and an API there while it runs, as 127.0.0.1:9100; settings behind
    /// commas, as ready_lag=30s
    #[arg(long, value_name = "ADDR")]
    pub http: Option<HttpSettings>,
    /// Print only warnings and errors on stderr
    #[arg(long)]
    pub quiet: bool,
    /// Durations under their former names.
    #[command(flatten)]
    pub millis: MillisOptions,
}

/// Durations under their former names, as numbers of ms.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct MillisOptions {
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "window")]
    window_ms: Option<i64>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "lateness")]
    #[arg(allow_negative_numbers = true)]
    lateness_ms: Option<i64>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "allowed_lateness")]
    #[arg(allow_negative_numbers = true)]
    allowed_lateness_ms: Option<i64>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "idle_timeout")]
    idle_timeout_ms: Option<u32>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "max_ahead")]
    #[arg(allow_negative_numbers = true)]
    max_ahead_ms: Option<i64>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "max_jump")]
    #[arg(allow_negative_numbers = true)]
    max_jump_ms: Option<i64>,
    #[arg(long, hide = true, value_name = "MS", conflicts_with = "commit_interval")]
    commit_interval_ms: Option<u32>,
}

fn parse_slot(text: &str) -> Result<String, String> {
    Topic::check_name(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// Clock that windows follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Event time, each sensor's own
    Event,
    /// Append time: when the queue accepted the message
    Ingest,
}

impl From<Clock> for TimeMode {
    fn from(clock: Clock) -> Self {
        match clock {
            Clock::Event => TimeMode::Event,
            Clock::Ingest => TimeMode::Ingest,
        }
    }
}

/// What becomes of a record that repeats another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Every record counts
    Off,
    /// One record per sensor and ms of event time counts
    Time,
}

impl From<Repeats> for Dedupe {
    fn from(repeats: Repeats) -> Self {
        match repeats {
            Repeats::Off => Dedupe::Off,
            Repeats::Time => Dedupe::Time,
        }
    }
}

/// What becomes of a job when a sensor is spread over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spread {
    /// Warn and continue
    Warn,
    /// Stop with code 1 before anything more is committed
    Refuse,
}

impl From<Spread> for OnSpread {
    fn from(spread: Spread) -> Self {
        match spread {
            Spread::Warn => OnSpread::Warn,
            Spread::Refuse => OnSpread::Refuse,
        }
    }
}

/// Whether an option was set.
trait IsSet {
    fn is_set(&self) -> bool;
}

impl<T> IsSet for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl<T> IsSet for Vec<T> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl IsSet for bool {
    fn is_set(&self) -> bool {
        *self
    }
}

/// Takes from `$file` what `$line` leaves open, and notes which fields those were.
macro_rules! fill {
    ($line:expr, $file:expr, $filled:expr, $($field:ident)*) => {
        $(if !$line.$field.is_set() && $file.$field.is_set() {
            $line.$field = $file.$field;
            $filled.insert(stringify!($field));
        })*
    };
}

/// The names of those `$field`s of `$of` that are set.
macro_rules! set_keys {
    ($set:expr, $of:expr, $($field:ident)*) => {
        $(if $of.$field.is_set() {
            $set.insert(stringify!($field));
        })*
    };
}

/// Hands every option of a job that takes a value to a macro, behind its other arguments.
macro_rules! with_values {
    ($each:ident: $($argument:expr),*) => {
        $each!($($argument),*,
            topic result_topic dead_topic sink from window lateness allowed_lateness idle_timeout
            max_ahead max_jump time dedupe amplitude region earliest_event latest_event phases
            rollup max_sensors spread slots slot commit_interval checkpoint_interval
            checkpoints_kept max_records http)
    };
}

impl LocationOptions {
    /// These, and what they leave open as in `file`.
    #[must_use]
    pub fn or(mut self, file: LocationOptions) -> LocationOptions {
        self.fill(file, &mut BTreeSet::new());
        self
    }

    fn fill(&mut self, file: LocationOptions, filled: &mut BTreeSet<&'static str>) {
        fill!(self, file, filled, queue store group kafka);
    }
}

impl JobOptions {
    /// Durations under their former names, moved to where their present names keep them.
    #[must_use]
    pub fn in_spans(mut self) -> JobOptions {
        let millis = std::mem::take(&mut self.millis);
        let span = |ms: Option<i64>| ms.map(TimeSpan::from_ms);
        self.window = self.window.or(span(millis.window_ms));
        self.lateness = self.lateness.or(span(millis.lateness_ms));
        self.allowed_lateness = self.allowed_lateness.or(span(millis.allowed_lateness_ms));
        self.idle_timeout = self.idle_timeout.or(span(millis.idle_timeout_ms.map(i64::from)));
        self.max_ahead = self.max_ahead.or(span(millis.max_ahead_ms));
        self.max_jump = self.max_jump.or(span(millis.max_jump_ms));
        self.commit_interval =
            self.commit_interval.or(span(millis.commit_interval_ms.map(i64::from)));
        self
    }

    /// The names of the options that are set.
    #[must_use]
    pub fn set_keys(&self) -> BTreeSet<&'static str> {
        let mut set = BTreeSet::new();
        set_keys!(set, self.location, queue store group kafka);
        with_values!(set_keys: set, self);
        set_keys!(set, self, until_caught_up drain quiet repartition);
        set
    }

    /// Leaves out switches and lists that are set elsewhere, where false or nothing is a value,
    /// too.
    pub(super) fn leave_out(&mut self, is_set: impl Fn(&str) -> bool) {
        let JobOptions { drain, until_caught_up, repartition, quiet, .. } = self;
        for (key, switch) in [
            ("drain", drain),
            ("until_caught_up", until_caught_up),
            ("repartition", repartition),
            ("quiet", quiet),
        ] {
            *switch &= !is_set(key);
        }
        if is_set("sink") {
            self.sink.clear();
        }
        if is_set("rollup") {
            self.rollup.clear();
        }
        if is_set("kafka") {
            self.location.kafka.clear();
        }
    }

    /// These options, and what they leave open as in `file`; with the names of the options that
    /// came from there.
    #[must_use]
    pub fn or(mut self, file: JobOptions) -> (JobOptions, BTreeSet<&'static str>) {
        let mut filled = BTreeSet::new();
        self.location.fill(file.location, &mut filled);
        with_values!(fill: self, file, filled);
        if !(self.drain || self.until_caught_up) {
            // Together: one on the command line is instead of either in the file.
            (self.drain, self.until_caught_up) = (file.drain, file.until_caught_up);
        }
        if file.repartition && !self.repartition {
            filled.insert("repartition");
        }
        self.repartition |= file.repartition;
        self.quiet |= file.quiet;
        (self, filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_first_stays_and_the_rest_comes_from_the_file() {
        let span = |ms| Some(TimeSpan::from_ms(ms));
        let line = JobOptions { window: span(1), drain: true, ..JobOptions::default() };
        let file = JobOptions {
            window: span(2),
            lateness: span(3),
            until_caught_up: true,
            ..JobOptions::default()
        };
        let (both, filled) = line.or(file);
        assert_eq!((both.window, both.lateness), (span(1), span(3)));
        assert!(both.drain && !both.until_caught_up);
        assert_eq!(filled, BTreeSet::from(["lateness"]));
    }
}
