//! The first step of a job that repartitions its input, in the status.

use seismic_pipeline::DEAD;
use seismic_queue::{Offset, OpenTransaction, PartitionView, Span, for_a_while};
use serde::Serialize;

use super::model::open_transaction::OpenTransactionStatus;
use crate::job::location::Location;
use crate::job::repartition::{RepartitionCounts, StoredFirstStep};

/// How far it is, and what it has counted.
#[derive(Clone, Debug, Serialize)]
pub struct RepartitionStatus {
    /// Its group.
    pub group: String,
    /// The topic that it reads: the input of the job.
    pub topic: String,
    /// The topic that it writes, which the windows are made from.
    pub internal_topic: String,
    /// Topic of its dead letters.
    pub dead_topic: String,
    /// Records read.
    pub read: u64,
    /// Records in the internal topic.
    pub passed: u64,
    /// Dead letters: messages that cannot be decoded ...
    pub unparseable: u64,
    /// ... and messages with too many records.
    pub too_many_records: u64,
    /// Messages that were deleted before they were read.
    pub lost_messages: u64,
    /// Messages that are not read yet.
    pub lag: u64,
    /// Offsets of these that open transactions hold back.
    pub held_back: u64,
    /// Transactions that hang in the input; the status of the job has them among its own.
    #[serde(skip)]
    pub open_transactions: Vec<OpenTransactionStatus>,
    /// Partitions of the input in order of their numbers.
    pub partitions: Vec<PartitionOfInput>,
}

/// One partition of the input.
#[derive(Clone, Debug, Serialize)]
pub struct PartitionOfInput {
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
    /// Offsets of these that an open transaction holds back.
    pub held_back: u64,
    /// When the last commit was made, ms since 1970 UTC.
    pub last_commit_ms: Option<i64>,
}

impl RepartitionStatus {
    /// The status of a first step, whose job is at `location`.
    ///
    /// # Errors
    /// When the input or what the store keeps cannot be read.
    pub fn of(location: &Location, first: &StoredFirstStep) -> anyhow::Result<Self> {
        let job = &first.view.job;
        let queue = location.open_queue_of(&job.input().name)?;
        let input = for_a_while(|| queue.topic(&job.input().name))?;
        job.input().is_still(&input, &queue.name())?;
        let spans = for_a_while(|| queue.spans(&input))?;
        let partitions = first.view.partitions.iter().zip(&spans).enumerate();
        let mut partitions: Vec<_> = partitions
            .map(|(number, (view, span))| PartitionOfInput::new(number, view, *span))
            .collect();
        let mut open = for_a_while(|| queue.open_transactions(&input))?;
        queue.look_at(&mut open);
        for transaction in &open {
            if let Some(partition) = partitions.get_mut(transaction.partition.0 as usize) {
                partition.hold_back(transaction);
            }
        }
        let counts = RepartitionCounts::of(&first.view)?;
        Ok(RepartitionStatus {
            group: job.group.clone(),
            topic: job.input().name.clone(),
            internal_topic: job.main_topic().to_owned(),
            dead_topic: job.topic_of(DEAD).unwrap_or_default().to_owned(),
            read: counts.read,
            passed: counts.passed,
            unparseable: counts.unparseable,
            too_many_records: counts.too_many_records,
            lost_messages: counts.lost_messages,
            lag: partitions.iter().map(|partition| partition.lag).sum(),
            held_back: partitions.iter().map(|partition| partition.held_back).sum(),
            open_transactions: OpenTransactionStatus::all(&open),
            partitions,
        })
    }
}

impl PartitionOfInput {
    fn new(partition: usize, view: &PartitionView, input: Span) -> Self {
        let progress = view.progress.as_ref();
        let next = progress.map_or(input.first, |progress| progress.next);
        PartitionOfInput {
            partition,
            first: input.first.0,
            end: input.end.0,
            position: progress.map(|progress| progress.next.0),
            lag: input.end.0.saturating_sub(next.0),
            held_back: 0,
            last_commit_ms: progress.map(|progress| progress.committed_ms),
        }
    }

    fn hold_back(&mut self, open: &OpenTransaction) {
        let position = Offset(self.position.unwrap_or(self.first));
        self.held_back = open.held_from(position).min(self.lag);
    }
}
