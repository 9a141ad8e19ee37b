//! What a job is: one value, made from the command line and a job file, checked as a whole.
//!
//! It can be written down and read back (`serde`) in the words of the job file, so that a program
//! can start a job as a person does.

use std::collections::BTreeMap;
use std::fmt;

use seismic_pipeline::{Finish, Rules, Settings, StartFrom};
use seismic_queue::Topic;
use seismic_sinks::SinkSpec;
use serde::{Deserialize, Serialize};

use super::cleaning::{AmplitudeRange, EventTime, PhaseList, RegionBox};
use super::file::JobFile;
use super::location::Location;
use super::options::{Clock, JobOptions, Repeats, Spread};
use super::origin::Once;
use super::rollup::RollupSpan;
use super::text::{as_text, as_texts, from_as_text, opt_as_text};
use super::time_span::TimeSpan;
use crate::backends::Url;
use crate::error::Usage;

/// Input topic of a job that names none.
pub const DATA_TOPIC: &str = "seismic-data-topic";

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct JobSpec {
    /// Where the input topic lives.
    #[serde(with = "as_text")]
    pub queue: Url,
    /// The job store; `None`: the default one of queue and group.
    #[serde(with = "opt_as_text")]
    pub store: Option<Url>,
    /// Name of the job.
    pub group: String,
    /// Settings of the Kafka client.
    pub kafka: BTreeMap<String, String>,
    /// Input topic.
    pub topic: String,
    /// Topic of result rows.
    pub result_topic: String,
    /// Topic of dead letters.
    pub dead_topic: String,
    /// Sinks that show the rows.
    #[serde(with = "as_texts")]
    pub sink: Vec<SinkSpec>,
    /// Where a group without progress starts; `None`: at the earliest message.
    #[serde(with = "from_as_text")]
    pub from: Option<StartFrom>,
    /// Window length.
    #[serde(with = "as_text")]
    pub window: TimeSpan,
    /// Watermark delay.
    #[serde(with = "as_text")]
    pub lateness: TimeSpan,
    /// Silence after which a sensor's windows are closed; zero: never.
    #[serde(with = "as_text")]
    pub idle_timeout: TimeSpan,
    /// How far event time may be ahead of append time.
    #[serde(with = "as_text")]
    pub max_ahead: TimeSpan,
    /// How far a single record may move its sensor's clock; zero: any distance.
    #[serde(with = "as_text")]
    pub max_jump: TimeSpan,
    /// Clock that windows follow.
    pub time: Clock,
    /// What becomes of records that repeat others.
    pub dedupe: Repeats,
    /// Amplitudes that count.
    #[serde(with = "as_text")]
    pub amplitude: AmplitudeRange,
    /// Where records must come from.
    #[serde(with = "as_text")]
    pub region: RegionBox,
    /// First event time that counts.
    #[serde(with = "as_text")]
    pub earliest_event: EventTime,
    /// First event time that counts no more.
    #[serde(with = "as_text")]
    pub latest_event: EventTime,
    /// Phases that count.
    #[serde(with = "as_text")]
    pub phases: PhaseList,
    /// Lengths of roll-ups.
    #[serde(with = "as_texts")]
    pub rollup: Vec<RollupSpan>,
    /// Sensors per partition.
    pub max_sensors: u64,
    /// What becomes of it when a sensor is spread over partitions.
    pub spread: Spread,
    /// Threads that read and compute; `None`: one per core.
    pub slots: Option<usize>,
    /// Name of this worker in Kafka.
    pub slot: Option<String>,
    /// Longest time that a row waits for its commit.
    #[serde(with = "as_text")]
    pub commit_interval: TimeSpan,
    /// The job stops after this many records.
    pub max_records: Option<u64>,
    /// The job stops at the end of the log.
    pub until_caught_up: bool,
    /// The job stops at the end of the log and closes every window.
    pub drain: bool,
    /// Decisions for this start alone, which are never kept.
    #[serde(skip)]
    pub once: Once,
}

impl Default for JobSpec {
    fn default() -> Self {
        let Location { queue, store, group, .. } = Location::default();
        let rules = Rules::default();
        JobSpec {
            queue,
            store,
            group,
            kafka: BTreeMap::new(),
            topic: DATA_TOPIC.to_owned(),
            result_topic: "seismic-agg-topic".to_owned(),
            dead_topic: "seismic-dead-topic".to_owned(),
            sink: vec!["console".parse().expect("it is in the list of sinks")],
            from: None,
            window: TimeSpan::from_ms(1_000),
            lateness: TimeSpan::from_ms(500),
            idle_timeout: TimeSpan::from_ms(2_000),
            max_ahead: TimeSpan::from_ms(5_000),
            max_jump: TimeSpan::from_ms(rules.max_jump_ms),
            time: Clock::Event,
            dedupe: Repeats::Off,
            amplitude: AmplitudeRange(rules.amplitude),
            region: RegionBox(rules.region),
            earliest_event: EventTime(rules.event_ms.0),
            latest_event: EventTime(rules.event_ms.1),
            phases: PhaseList(rules.phases),
            rollup: Vec::new(),
            max_sensors: 1_000_000,
            spread: Spread::Warn,
            slots: None,
            slot: None,
            commit_interval: TimeSpan::from_ms(20),
            max_records: None,
            until_caught_up: false,
            drain: false,
            once: Once::default(),
        }
    }
}

/// Something in a job that cannot be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The option.
    pub key: &'static str,
    /// What is wrong with it, with the allowed range.
    pub why: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.why)
    }
}

impl JobSpec {
    /// The job that the command line and a job file describe: the command line overrides the file,
    /// and the file overrides the defaults.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with the option, or the file and line, to correct.
    pub fn resolve(line: JobOptions, mut file: JobFile, once: Once) -> Result<JobSpec, Usage> {
        let mut faults = std::mem::take(&mut file.faults);
        if once.sets_position() {
            // Said now, so it goes before a position that stays in the file.
            file.options.from = None;
        }
        let (options, of_file) = line.in_spans().or(std::mem::take(&mut file.options));
        let spec = JobSpec { once, ..JobSpec::of(options) };
        for fault in spec.faults() {
            let at_line = of_file.contains(fault.key).then(|| file.place_of(fault.key)).flatten();
            faults.push(match at_line {
                Some(place) => format!("{place}: {}", fault.why),
                None => format!("--{}: {}", fault.key.replace('_', "-"), fault.why),
            });
        }
        if faults.is_empty() { Ok(spec) } else { Err(Usage(faults.join("\n       "))) }
    }

    /// The options, and the defaults of those that are not set.
    #[must_use]
    pub fn of(options: JobOptions) -> JobSpec {
        let default = JobSpec::default();
        let Location { queue, store, group, kafka } = options.location.into();
        JobSpec {
            queue,
            store,
            group,
            kafka: kafka.into_iter().collect(),
            topic: options.topic.unwrap_or(default.topic),
            result_topic: options.result_topic.unwrap_or(default.result_topic),
            dead_topic: options.dead_topic.unwrap_or(default.dead_topic),
            sink: if options.sink.is_empty() { default.sink } else { options.sink },
            from: options.from,
            window: options.window.unwrap_or(default.window),
            lateness: options.lateness.unwrap_or(default.lateness),
            idle_timeout: options.idle_timeout.unwrap_or(default.idle_timeout),
            max_ahead: options.max_ahead.unwrap_or(default.max_ahead),
            max_jump: options.max_jump.unwrap_or(default.max_jump),
            time: options.time.unwrap_or(default.time),
            dedupe: options.dedupe.unwrap_or(default.dedupe),
            amplitude: options.amplitude.unwrap_or(default.amplitude),
            region: options.region.unwrap_or(default.region),
            earliest_event: options.earliest_event.unwrap_or(default.earliest_event),
            latest_event: options.latest_event.unwrap_or(default.latest_event),
            phases: options.phases.unwrap_or(default.phases),
            rollup: options.rollup,
            max_sensors: options.max_sensors.unwrap_or(default.max_sensors),
            spread: options.spread.unwrap_or(default.spread),
            slots: options.slots,
            slot: options.slot,
            commit_interval: options.commit_interval.unwrap_or(default.commit_interval),
            max_records: options.max_records,
            until_caught_up: options.until_caught_up,
            drain: options.drain,
            once: default.once,
        }
    }

    /// Everything that is wrong with the job; empty when it can be started.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let of_rule =
            |fault: seismic_pipeline::RuleFault| Fault { key: fault.rule, why: fault.why };
        let mut faults: Vec<Fault> = self.rules().faults().into_iter().map(of_rule).collect();
        let mut fault = |key, why| faults.push(Fault { key, why });
        for (key, name) in [
            ("topic", &self.topic),
            ("result_topic", &self.result_topic),
            ("dead_topic", &self.dead_topic),
            ("group", &self.group),
        ] {
            if let Err(error) = Topic::check_name(name) {
                fault(key, error.to_string());
            }
        }
        let mut seen: Vec<&SinkSpec> = Vec::new();
        for sink in &self.sink {
            match seen.iter().any(|other| other.is_same_place(sink)) {
                true => fault("sink", format!("{sink} is given twice")),
                false => seen.push(sink),
            }
        }
        for (key, span) in
            [("idle_timeout", self.idle_timeout), ("commit_interval", self.commit_interval)]
        {
            if span.ms() < 0 {
                fault(key, format!("{span} is less than 0"));
            }
        }
        if self.slots == Some(0) {
            fault("slots", "0 is less than 1".to_owned());
        }
        if self.drain && self.until_caught_up {
            fault("drain", "it cannot be set together with until_caught_up".to_owned());
        }
        faults
    }

    /// Where the job reads and keeps its state.
    #[must_use]
    pub fn location(&self) -> Location {
        Location {
            queue: self.queue.clone(),
            store: self.store.clone(),
            group: self.group.clone(),
            kafka: self.kafka.clone().into_iter().collect(),
        }
    }

    /// What changes results.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            window_ms: self.window.ms(),
            lateness_ms: self.lateness.ms(),
            max_ahead_ms: self.max_ahead.ms(),
            max_jump_ms: self.max_jump.ms(),
            time: self.time.into(),
            max_sensors: self.max_sensors,
            dedupe: self.dedupe.into(),
            rollups_ms: self.rollups().map(RollupSpan::ms).collect(),
            amplitude: self.amplitude.0.clone(),
            region: self.region.0,
            event_ms: (self.earliest_event.0, self.latest_event.0),
            phases: self.phases.0,
            ..Rules::default()
        }
    }

    /// Its roll-ups, the shortest first, in whatever order they were written.
    pub fn rollups(&self) -> impl Iterator<Item = &RollupSpan> {
        let mut rollups: Vec<&RollupSpan> = self.rollup.iter().collect();
        rollups.sort_by_key(|rollup| rollup.ms());
        rollups.into_iter()
    }

    /// How it runs.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            rules: self.rules(),
            idle_timeout: self.idle_timeout.duration(),
            from: self.from,
            accept_loss: self.once.accept_loss,
            on_spread: self.spread.into(),
            finish: match (self.drain, self.until_caught_up) {
                (true, _) => Finish::Drain,
                (_, true) => Finish::CaughtUp,
                _ => Finish::Never,
            },
            max_records: self.max_records,
            commit_every: self.commit_interval.duration(),
            ..Settings::default()
        }
    }

    /// Whether the job ends by itself.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.drain || self.until_caught_up || self.max_records.is_some()
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn a_spec_reads_back_as_written() {
        let spec = JobSpec {
            store: Some("memory:s".parse().unwrap()),
            kafka: BTreeMap::from([("linger.ms".to_owned(), "5".to_owned())]),
            sink: vec!["console".parse().unwrap(), "csv:rows".parse().unwrap()],
            from: Some(StartFrom::Time(1_592_926_145_250)),
            window: TimeSpan::from_ms(250),
            dedupe: Repeats::Time,
            amplitude: "..419.2".parse().unwrap(),
            region: "-100..-90,14..20".parse().unwrap(),
            earliest_event: "2020-01-01".parse().unwrap(),
            phases: "P,S".parse().unwrap(),
            rollup: vec!["10s".parse().unwrap()],
            slots: Some(2),
            drain: true,
            ..JobSpec::default()
        };
        for spec in [spec, JobSpec::default()] {
            let text = serde_json::to_string(&spec).unwrap();
            assert_eq!(serde_json::from_str::<JobSpec>(&text).unwrap(), spec, "{text}");
        }
        assert_eq!(serde_json::from_str::<JobSpec>("{}").unwrap(), JobSpec::default());
        assert!(serde_json::from_str::<JobSpec>(r#"{"windw": "1s"}"#).is_err());
    }

    #[test]
    fn the_help_names_the_defaults_that_hold() {
        let command = JobOptions::augment_args(clap::Command::new("run"));
        let spec = serde_json::to_value(JobSpec::default()).unwrap();
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let Some((_, default)) = help.split_once("[default: ") else { continue };
            let default = default.trim_end_matches(']');
            let key = arg.get_id().as_str();
            let held = match &spec[key] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(all) if all.len() == 1 => {
                    all[0].as_str().unwrap().to_owned()
                }
                serde_json::Value::Number(number) => number.to_string(),
                // What the default depends on is said in words.
                _ => continue,
            };
            assert_eq!(default, held, "{key}");
        }
    }

    #[test]
    fn all_faults_are_named_at_once_with_their_options() {
        let spec = JobSpec {
            window: TimeSpan::from_ms(0),
            lateness: TimeSpan::from_ms(-1),
            topic: "a/b".to_owned(),
            sink: vec!["csv".parse().unwrap(), "csv".parse().unwrap()],
            slots: Some(0),
            drain: true,
            until_caught_up: true,
            ..JobSpec::default()
        };
        let keys: Vec<_> = spec.faults().iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["window", "lateness", "topic", "sink", "slots", "drain"]);
    }
}
