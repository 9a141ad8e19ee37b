//! The spec of a job: one value, built from the command line and a job file, validated as a whole.
//!
//! It can be serialized and deserialized (`serde`) with the keys of the job file, so that programs
//! can start jobs as well.

mod fault;
pub mod parallelism;
mod resolve;

use std::collections::BTreeMap;

use seismic_derived::Definition;
use seismic_pipeline::{Finish, Rules, Settings, StartFrom};
use seismic_sinks::SinkSpec;
use serde::{Deserialize, Serialize};

use crate::backends::Url;
use crate::dimension::TableSpec;
use crate::dimension::function::FunctionSpec;
use crate::http::HttpSettings;
use crate::job::cleaning::{AmplitudeRange, EventTime, PhaseList, RegionBox};
use crate::job::location::Location;
use crate::job::options::{Clock, Repeats, Spread};
use crate::job::origin::Once;
use crate::job::rollup::RollupSpan;
use crate::job::text::{as_text, as_texts, from_as_text, opt_as_text};
use crate::job::time_span::TimeSpan;

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
    /// How long after that late records still count; zero: not at all.
    #[serde(with = "as_text")]
    pub allowed_lateness: TimeSpan,
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
    /// Whether the records of each sensor are first brought into one partition.
    pub repartition: bool,
    /// Threads that read and compute; `None`: one per core.
    pub slots: Option<usize>,
    /// Name of this worker in Kafka.
    pub slot: Option<String>,
    /// Longest time that a row waits for its commit.
    #[serde(with = "as_text")]
    pub commit_interval: TimeSpan,
    /// Longest time between two checkpoints of a partition.
    #[serde(with = "as_text")]
    pub checkpoint_interval: TimeSpan,
    /// How many of the newest checkpoints of each partition are kept.
    pub checkpoints_kept: u32,
    /// The job stops after this many records.
    pub max_records: Option<u64>,
    /// The job stops at the end of the log.
    pub until_caught_up: bool,
    /// The job stops at the end of the log and closes every window.
    pub drain: bool,
    /// Where metrics, probes and an API are served while it runs; `None`: nowhere.
    #[serde(with = "opt_as_text")]
    pub http: Option<HttpSettings>,
    /// Slots of all workers together, at most, which a service keeps; `None`: no limit.
    #[serde(skip)]
    pub max_parallelism: Option<usize>,
    /// The statement in SQL that makes its results; `None`: it makes windows.
    #[serde(skip)]
    pub statement: Option<Definition>,
    /// Where the tables of the statement come from.
    #[serde(skip)]
    pub tables: Vec<TableSpec>,
    /// Where the modules of its functions are.
    #[serde(skip)]
    pub functions: Vec<FunctionSpec>,
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
            allowed_lateness: TimeSpan::from_ms(rules.allowed_lateness_ms),
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
            repartition: false,
            slots: None,
            slot: None,
            commit_interval: TimeSpan::from_ms(20),
            checkpoint_interval: TimeSpan::from_ms(5_000),
            checkpoints_kept: Settings::default().checkpoints_kept,
            max_records: None,
            until_caught_up: false,
            drain: false,
            http: None,
            max_parallelism: None,
            statement: None,
            tables: Vec::new(),
            functions: Vec::new(),
            once: Once::default(),
        }
    }
}

impl JobSpec {
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
            allowed_lateness_ms: self.allowed_lateness.ms(),
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
            repartitioned: self.repartition.then(|| self.topic.clone()),
            ..Rules::default()
        }
    }

    /// Short name of what changes results.
    #[must_use]
    pub fn semantics_hash(&self) -> String {
        match &self.statement {
            Some(definition) => definition.hash(),
            None => self.rules().hash(),
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
            snapshot_every: self.checkpoint_interval.duration(),
            checkpoints_kept: self.checkpoints_kept,
            ..Settings::default()
        }
    }

    /// Whether the job ends on its own.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.drain || self.until_caught_up || self.max_records.is_some()
    }
}

#[cfg(test)]
mod tests;
