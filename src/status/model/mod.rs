//! The status of a job as plain data, for text, JSON and HTTP: [`JobStatus`] is read from queue and
//! store, [`numbers`] are reported by a running job. Both use the same record counts ([`counts`]).
//!
//! Field names are those of the JSON. Fields that only the text shows are not serialized.

pub mod clock;
pub mod counts;
pub mod member;
pub mod note;
pub mod numbers;
pub mod open_transaction;
pub mod partition;
pub mod pinned;
pub mod rejecting;
pub mod rollup;
pub mod sensor_partitions;

use seismic_pipeline::{DEAD, RetentionLag};
use seismic_queue::{GroupMember, Offset, OpenTransaction, Span, View};
use seismic_sinks::SinkLag;
use serde::Serialize;

use self::clock::ClockStatus;
use self::counts::RecordCounts;
use self::member::MemberStatus;
use self::note::{NoteStatus, RulesStatus};
use self::open_transaction::OpenTransactionStatus;
use self::partition::PartitionStatus;
use self::pinned::PinnedStatus;
use self::rejecting::RejectingStatus;
use self::rollup::RollupStatus;
use self::sensor_partitions::SensorPartitions;
use super::repartition::RepartitionStatus;
use super::sensors::SensorStatus;
use crate::dimension::note::TableNote;
use crate::job::kinds;

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
    /// Messages of all inputs that are not read yet, by either step of a job that has two.
    pub lag: u64,
    /// Offsets of these that open transactions in the input hold back.
    pub held_back: u64,
    /// Transactions that hang in the input.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open_transactions: Vec<OpenTransactionStatus>,
    /// The first step of a job that repartitions its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repartition: Option<RepartitionStatus>,
    /// Partitions in order of their numbers.
    pub partitions: Vec<PartitionStatus>,
    /// Sensors that several partitions know.
    #[serde(flatten)]
    pub partitions_of: SensorPartitions,
    /// Sensors whose clocks were set back, or that sent records far ahead of them.
    pub irregular_clocks: Vec<ClockStatus>,
    /// How many there are; `None` when no one looked.
    pub irregular_clocks_total: Option<u64>,
    /// What the job, or a sensor, loses more than 5 % of its newest records to.
    pub rejecting: Vec<RejectingStatus>,
    /// Holders that keep much more of a topic than its policy would.
    pub pinned: Vec<PinnedStatus>,
    /// Sinks that keep a position.
    pub sinks: Vec<SinkStatus>,
    /// Tables that it looks things up in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<TableNote>,
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

/// A sink that keeps a position.
#[derive(Clone, Debug, Serialize)]
pub struct SinkStatus {
    /// Its name.
    pub sink: String,
    /// Whose rows it shows, as its option `source` says.
    pub source: String,
    /// Rows that it has not written yet.
    pub lag: u64,
    /// Rows that it has written and that are kept all the same (`hold_behind`).
    #[serde(skip_serializing_if = "is_zero")]
    pub kept: u64,
    /// That it has rows which the store does not have, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<String>,
}

impl JobStatus {
    /// The status of a job, given the spans of all partitions of each input.
    ///
    /// # Errors
    /// When what the store keeps cannot be read.
    pub fn new(
        view: &View,
        spans: &[Vec<Span>],
        pinned: &[RetentionLag],
        members: Option<&[GroupMember]>,
    ) -> anyhow::Result<Self> {
        let kind = kinds::of(view)?;
        let mut notes = Vec::new();
        for part in &view.partitions {
            let progress = part.progress.as_ref();
            notes.push(progress.map(|progress| kind.note_status(&progress.note)).transpose()?);
        }
        let mut counts = (kind.no_counts)();
        notes.iter().flatten().for_each(|note| counts.add(&note.counts));
        let partitions =
            view.partitions.iter().zip(&notes).enumerate().map(|(number, (part, note))| {
                let of_it: Vec<Span> = spans
                    .iter()
                    .map(|input| input.get(number).copied().unwrap_or_default())
                    .collect();
                PartitionStatus::new(number, (&view.job, part), &of_it, note.as_ref())
            });
        let partitions: Vec<_> = partitions.collect();
        let sum = |of: fn(&NoteStatus) -> u64| notes.iter().flatten().map(of).sum();
        let job = &view.job;
        Ok(JobStatus {
            group: job.group.clone(),
            topic: job.input().name.clone(),
            result_topic: job.main_topic().to_owned(),
            dead_topic: job.topic_of(DEAD).unwrap_or_default().to_owned(),
            rules: notes.iter().flatten().next().map(|note| note.rules.clone()),
            rollups: RollupStatus::of_job(job, &notes),
            counts,
            sensors: sum(|note| note.sensors),
            open_windows: sum(|note| note.open_windows),
            lag: partitions.iter().map(|partition| partition.lag).sum(),
            held_back: 0,
            open_transactions: Vec::new(),
            repartition: None,
            partitions,
            partitions_of: SensorPartitions::default(),
            irregular_clocks: Vec::new(),
            irregular_clocks_total: None,
            rejecting: Vec::new(),
            pinned: pinned.iter().map(PinnedStatus::of).collect(),
            sinks: sinks(view),
            tables: Vec::new(),
            members: members.map(|members| members.iter().map(MemberStatus::of).collect()),
            by_sensor: None,
            without_sensor: 0,
        })
    }

    /// Takes over what is open in the first input, which the partitions' positions are of.
    pub fn hold_back(&mut self, open: &[OpenTransaction]) {
        for transaction in open {
            let place = transaction.partition.0 as usize;
            let Some(partition) = self.partitions.get_mut(place) else { continue };
            let position = partition.position.unwrap_or(partition.first);
            partition.held_back = transaction.held_from(Offset(position)).min(partition.lag);
        }
        self.held_back = self.partitions.iter().map(|partition| partition.held_back).sum();
        self.open_transactions = OpenTransactionStatus::all(open);
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(rows: &u64) -> bool {
    *rows == 0
}

/// Name and lag of every sink that keeps a position.
fn sinks(view: &View) -> Vec<SinkStatus> {
    let status = |SinkLag { sink, source, rows, kept }| SinkStatus {
        sink,
        source,
        lag: rows,
        kept,
        ahead: None,
    };
    seismic_sinks::lags(view).into_iter().map(status).collect()
}
