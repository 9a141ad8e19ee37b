//! The status of a job as plain data: what `seismic status` prints as text and as JSON.
//!
//! Field names are those of the JSON. What only the text shows is not serialized.

use seismic_pipeline::{
    Counters, DEAD, IrregularClock, Note, Notice, RESULT, ROLLUP, RejectReason, RetentionLag,
    SpreadSensor,
};
use seismic_queue::{GroupMember, Job, PartitionView, Span, View};
use seismic_sinks::{SinkLag, known_ahead};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::sensors::SensorStatus;
use crate::job::kinds;
use crate::remedy::{in_words, notice_with_remedy};

/// A job: what it has counted, how far it is, and who waits for what.
#[derive(Clone, Debug, Serialize)]
pub struct JobStatus {
    /// Name of the job.
    pub group: String,
    /// Input topic.
    pub topic: String,
    /// Topic of result rows.
    pub result_topic: String,
    /// Topic of dead letters.
    pub dead_topic: String,
    /// Rules of the job, once it has begun.
    #[serde(skip)]
    pub rules: Option<RulesStatus>,
    /// Roll-ups, the shortest first.
    pub rollups: Vec<RollupStatus>,
    /// Records of all partitions.
    #[serde(flatten)]
    pub counts: RecordCounts,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
    /// Messages that are not read yet.
    pub lag: u64,
    /// Partitions in order of their numbers.
    pub partitions: Vec<PartitionStatus>,
    /// Sensors that several partitions know.
    #[serde(flatten)]
    pub partitions_of: SensorPartitions,
    /// Sensors whose clocks were set back, or that sent records far ahead of them.
    pub irregular_clocks: Vec<ClockStatus>,
    /// How many there are; `None` when nobody looked.
    pub irregular_clocks_total: Option<u64>,
    /// What the job, or a sensor, loses more than 5 % of its newest records to.
    pub rejecting: Vec<RejectingStatus>,
    /// Holders that keep much more of a topic than its policy would.
    pub pinned: Vec<PinnedStatus>,
    /// Sinks that keep a position.
    pub sinks: Vec<SinkStatus>,
    /// Members of the group; `None` where no group shares the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<MemberStatus>>,
    /// Health of each sensor, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_sensor: Option<Vec<SensorStatus>>,
    /// Records that belong to no sensor, if sensors were asked for.
    #[serde(skip)]
    pub without_sensor: u64,
}

/// Rules of a job, as far as they are shown.
#[derive(Clone, Debug)]
pub struct RulesStatus {
    /// Short name of all rules.
    pub hash: String,
    /// Window length, ms.
    pub window_ms: i64,
    /// Watermark delay, ms.
    pub lateness_ms: i64,
    /// How far event time may be ahead of append time, ms.
    pub max_ahead_ms: i64,
}

/// What became of records.
#[derive(Clone, Debug, Serialize)]
pub struct RecordCounts {
    /// Read.
    pub read: u64,
    /// In closed windows.
    pub closed: u64,
    /// In open windows.
    pub open: u64,
    /// Too late for their window.
    pub late: u64,
    /// Rejected.
    pub rejected: u64,
    /// Closed windows.
    pub windows: u64,
    /// Messages that were deleted before they were read.
    pub lost_messages: u64,
    /// Dead letters of each reason.
    pub by_reason: ReasonCounts,
}

/// Dead letters of each reason, in the order of the reasons.
#[derive(Clone, Debug)]
pub struct ReasonCounts(pub Vec<(&'static str, u64)>);

impl Serialize for ReasonCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (reason, count) in &self.0 {
            map.serialize_entry(reason, count)?;
        }
        map.end()
    }
}

/// One roll-up.
#[derive(Clone, Debug, Serialize)]
pub struct RollupStatus {
    /// Its topic.
    pub topic: String,
    /// Rows written.
    pub rows: u64,
    /// Records in them.
    pub closed: u64,
    /// Records in open spans.
    pub open: u64,
}

/// One partition. What the job has not said yet is `None`.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: usize,
    /// First offset that the log still has.
    pub first: u64,
    /// End of the log.
    pub end: u64,
    /// Offset of the next message to read.
    pub position: Option<u64>,
    /// Messages that are not read yet.
    pub lag: u64,
    /// When the last commit was made, ms since 1970 UTC.
    pub last_commit_ms: Option<i64>,
    /// Commits made.
    pub commits: Option<u64>,
    /// Sensors known.
    pub sensors: Option<u64>,
    /// Windows open.
    pub open_windows: Option<u64>,
    /// Windows closed.
    #[serde(skip)]
    pub windows: Option<u64>,
    /// Records read.
    pub read: Option<u64>,
    /// Messages that were deleted before they were read.
    pub lost_messages: Option<u64>,
    /// End of the partition of the result topic.
    pub rows: u64,
    /// End of the partition of the dead-letter topic.
    pub dead_letters: u64,
    /// Dead letters of each reason.
    pub by_reason: Option<ReasonCounts>,
    /// Hash of the rules.
    pub rules: Option<String>,
    /// The newest checkpoint.
    pub checkpoint: Option<CheckpointStatus>,
}

/// One checkpoint of a partition.
#[derive(Clone, Debug, Serialize)]
pub struct CheckpointStatus {
    /// Its number.
    pub number: u64,
    /// The offset that it continues from.
    pub position: u64,
    /// Its size.
    pub bytes: u64,
    /// When it was made, ms since 1970 UTC.
    pub created_ms: i64,
}

/// Sensors that several partitions know: those whose records are spread over them, and those that
/// have moved from one to another.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SensorPartitions {
    /// How many are spread; `None` when there are too many sensors to compare them here.
    pub spread_sensors: Option<u64>,
    /// The first of these.
    pub spread: Vec<SensorPlace>,
    /// How many have moved.
    pub moved_sensors: Option<u64>,
    /// The first of these.
    pub moved: Vec<SensorPlace>,
    /// In words, each with what to do about it.
    #[serde(skip)]
    pub words: Vec<String>,
}

/// A sensor with its partitions.
#[derive(Clone, Debug, Serialize)]
pub struct SensorPlace {
    /// Its id.
    pub sensor: String,
    /// The partitions.
    pub partitions: Vec<u32>,
}

impl SensorPartitions {
    /// What was found; `None` when nothing was compared.
    pub fn of(notices: Option<&[Notice]>) -> Self {
        let Some(notices) = notices else { return SensorPartitions::default() };
        let words = notices.iter().map(notice_with_remedy).collect();
        let mut all = SensorPartitions { words, ..SensorPartitions::default() };
        let place = |found: &SpreadSensor| SensorPlace {
            sensor: found.sensor.clone(),
            partitions: found.partitions.iter().map(|partition| partition.0).collect(),
        };
        (all.spread_sensors, all.moved_sensors) = (Some(0), Some(0));
        for notice in notices {
            match notice {
                Notice::Spread(spread) => {
                    all.spread_sensors = Some(spread.total);
                    all.spread = spread.named.iter().map(place).collect();
                }
                Notice::Moved(moved) => {
                    all.moved_sensors = Some(moved.total);
                    all.moved = moved.named.iter().map(place).collect();
                }
                Notice::Rejected(_) | Notice::Steps(_) => {}
            }
        }
        all
    }
}

/// A sensor whose clock was not regular.
#[derive(Clone, Debug, Serialize)]
pub struct ClockStatus {
    /// Its id.
    pub sensor: String,
    /// The partition that knows it.
    pub partition: u32,
    /// How often its clock was set back: the `clock_era` of its rows.
    pub set_back: u32,
    /// Records far ahead of its clock that became dead letters.
    pub refuted: u64,
    /// Records that wait for a confirmation of their time.
    pub held: u64,
}

impl From<IrregularClock> for ClockStatus {
    fn from(clock: IrregularClock) -> Self {
        let IrregularClock { sensor, partition, set_back, refuted, held } = clock;
        ClockStatus { sensor, partition: partition.0, set_back, refuted, held }
    }
}

/// A reason for which much is lost.
#[derive(Clone, Debug, Serialize)]
pub struct RejectingStatus {
    /// Which; `None` for what is no loss.
    pub reason: Option<&'static str>,
    /// The sensor that loses most; `None` when it is the job as a whole.
    pub sensor: Option<String>,
    /// Records lost, of that sensor or of the job ...
    pub rejected: u64,
    /// ... of so many, among the newest ones.
    pub records: u64,
    /// In words, with an example and what to do about it.
    pub words: String,
}

impl RejectingStatus {
    /// What is lost for one reason.
    pub fn of(notice: &Notice) -> Self {
        let words = notice_with_remedy(notice);
        let Notice::Rejected(lost) = notice else {
            return RejectingStatus { reason: None, sensor: None, rejected: 0, records: 0, words };
        };
        let (sensor, rejected, records) = match lost.sensors.first() {
            Some(most) => (Some(most.sensor.clone()), most.rejected, most.records),
            None => (None, lost.rejected, lost.read),
        };
        RejectingStatus { reason: Some(lost.reason.name()), sensor, rejected, records, words }
    }
}

/// Someone who keeps much more of a topic than its policy would.
#[derive(Clone, Debug, Serialize)]
pub struct PinnedStatus {
    /// The topic.
    pub topic: String,
    /// Who.
    pub holder: String,
    /// Bytes that would be deleted.
    pub bytes: u64,
    /// Age of the oldest message of them, ms.
    pub age_ms: u64,
    /// The command that releases them.
    pub release: String,
}

/// A sink that keeps a position.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub sink: String,
    /// Rows that it has not written yet.
    pub lag: u64,
    /// That it has rows which the store does not have, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<String>,
}

/// A worker of a job that several share.
#[derive(Clone, Debug, Serialize)]
pub struct MemberStatus {
    /// Its slot.
    pub slot: String,
    /// Its id in the group.
    pub member: String,
    /// Where it runs.
    pub host: String,
    /// Its partitions.
    pub partitions: Vec<u32>,
}

impl JobStatus {
    /// The status of a job.
    ///
    /// # Errors
    /// When what the store keeps cannot be read.
    pub fn new(
        view: &View,
        spans: &[Span],
        pinned: &[RetentionLag],
        members: Option<&[GroupMember]>,
    ) -> anyhow::Result<Self> {
        kinds::of(view)?;
        let mut notes = Vec::new();
        for part in &view.partitions {
            let progress = part.progress.as_ref();
            notes.push(progress.map(|progress| Note::decode(&progress.note)).transpose()?);
        }
        let mut counters = Counters::default();
        notes.iter().flatten().for_each(|note| counters.add(&note.counters));
        let partitions: Vec<_> = (0..)
            .zip(&view.partitions)
            .zip(spans)
            .zip(&notes)
            .map(|(((number, part), span), note)| {
                PartitionStatus::new(number, (&view.job, part), *span, note.as_ref())
            })
            .collect();
        let sum = |of: fn(&Note) -> u64| notes.iter().flatten().map(of).sum();
        let job = &view.job;
        Ok(JobStatus {
            group: job.group.clone(),
            topic: job.input().name.clone(),
            result_topic: job.main_topic().to_owned(),
            dead_topic: job.topic_of(DEAD).unwrap_or_default().to_owned(),
            rules: notes.iter().flatten().next().map(|note| RulesStatus {
                hash: note.rules.hash(),
                window_ms: note.rules.window_ms,
                lateness_ms: note.rules.lateness_ms,
                max_ahead_ms: note.rules.max_ahead_ms,
            }),
            rollups: rollups(view, &counters),
            counts: RecordCounts::of(&counters),
            sensors: sum(|note| note.sensors),
            open_windows: sum(|note| note.open_windows),
            lag: partitions.iter().map(|partition| partition.lag).sum(),
            partitions,
            partitions_of: SensorPartitions::default(),
            irregular_clocks: Vec::new(),
            irregular_clocks_total: None,
            rejecting: Vec::new(),
            pinned: pinned.iter().map(PinnedStatus::of).collect(),
            sinks: sinks(view),
            members: members.map(|members| members.iter().map(MemberStatus::of).collect()),
            by_sensor: None,
            without_sensor: 0,
        })
    }
}

impl RecordCounts {
    fn of(counters: &Counters) -> Self {
        RecordCounts {
            read: counters.read,
            closed: counters.closed,
            open: counters.open,
            late: counters.late(),
            rejected: counters.rejected(),
            windows: counters.windows,
            lost_messages: counters.lost_messages,
            by_reason: ReasonCounts::of(counters),
        }
    }
}

impl ReasonCounts {
    fn of(counters: &Counters) -> Self {
        let one = |reason: RejectReason| (reason.name(), counters.dead(reason));
        ReasonCounts(RejectReason::ALL.into_iter().map(one).collect())
    }
}

impl PartitionStatus {
    fn new(
        partition: usize,
        (job, view): (&Job, &PartitionView),
        input: Span,
        note: Option<&Note>,
    ) -> Self {
        let progress = view.progress.as_ref();
        let rows_of = |role| view.output(job, role).map_or(0, |output| output.span.end.0);
        let next = progress.map_or(input.first, |progress| progress.next);
        PartitionStatus {
            partition,
            first: input.first.0,
            end: input.end.0,
            position: progress.map(|progress| progress.next.0),
            lag: input.end.0.saturating_sub(next.0),
            last_commit_ms: progress.map(|progress| progress.committed_ms),
            commits: progress.map(|progress| progress.number),
            sensors: note.map(|note| note.sensors),
            open_windows: note.map(|note| note.open_windows),
            windows: note.map(|note| note.counters.windows),
            read: note.map(|note| note.counters.read),
            lost_messages: note.map(|note| note.counters.lost_messages),
            rows: rows_of(RESULT),
            dead_letters: rows_of(DEAD),
            by_reason: note.map(|note| ReasonCounts::of(&note.counters)),
            rules: note.map(|note| note.rules.hash()),
            checkpoint: view.checkpoints.last().map(|info| CheckpointStatus {
                number: info.manifest.checkpoint,
                position: info.manifest.position.0,
                bytes: info.bytes,
                created_ms: info.created_ms,
            }),
        }
    }
}

impl PinnedStatus {
    fn of(lag: &RetentionLag) -> Self {
        PinnedStatus {
            topic: lag.topic.clone(),
            holder: lag.holder.clone(),
            bytes: lag.bytes,
            age_ms: lag.age_ms,
            release: in_words(&lag.remedy()).trim_matches('`').to_owned(),
        }
    }
}

impl MemberStatus {
    fn of(member: &GroupMember) -> Self {
        MemberStatus {
            slot: member.slot.clone(),
            member: member.member.clone(),
            host: member.host.clone(),
            partitions: member.partitions.iter().map(|partition| partition.0).collect(),
        }
    }
}

fn rollups(view: &View, counters: &Counters) -> Vec<RollupStatus> {
    let levels = view.job.topics_of(ROLLUP).zip(&counters.rollups);
    let level = |(topic, rollup): (&String, &seismic_pipeline::RollupCounters)| RollupStatus {
        topic: topic.clone(),
        rows: rollup.rows,
        closed: rollup.closed,
        open: rollup.open,
    };
    levels.map(level).collect()
}

/// Name and lag of every sink that keeps a position.
fn sinks(view: &View) -> Vec<SinkStatus> {
    let status = |SinkLag { sink, rows }| {
        let ahead = known_ahead(view, &sink).map(|ahead| ahead.to_string());
        SinkStatus { sink, lag: rows, ahead }
    };
    seismic_sinks::lags(view).into_iter().map(status).collect()
}
