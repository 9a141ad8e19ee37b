//! What can stop a job or a proof, where, and what to do about it.

use std::fmt;

use seismic_queue::{CommitError, Kind, Offset, Partition, Remedy};

use crate::engine::journal::EntryError;
use crate::engine::redistribute::RedistributeError;
use crate::engine::snapshot::SnapshotError;

/// Result of this crate's shell.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Queue(#[from] seismic_queue::Error),
    #[error("these options cannot be used:\n  {}", .0.join("\n  "))]
    Options(Vec<String>),
    #[error(
        "the group has progress made under other rules: {}. Going on would mix two meanings in one \
         result topic: run with the old options, or start a new --group from the log",
        .0.join(", ")
    )]
    RulesDiffer(Vec<String>),
    #[error(
        "--from was given, but partition {partition} goes on at offset {next} from the last run; \
         leave --from out, or start a new --group"
    )]
    AlreadyStarted { partition: Partition, next: Offset },
    #[error(
        "--from {asked} was given, but the job began from {agreed}; leave --from out, or start a new --group"
    )]
    BegunElsewhere { asked: String, agreed: String },
    #[error("the group is to begin with {asked}, but began with {agreed}; start a new --group")]
    ForkedElsewhere { asked: String, agreed: String },
    #[error(
        "the group is to begin with {agreed}, and whoever was about to do so has not done it: run it \
         with --from-checkpoint and --of-group again, or start a new --group"
    )]
    ForkNotMade { agreed: String },
    #[error("the note beside the position of partition {partition} cannot be used")]
    Note { partition: Partition, source: EntryError },
    #[error("journal entry {sequence} of partition {partition} cannot be used")]
    Entry { partition: Partition, sequence: u64, source: EntryError },
    #[error("checkpoint {number} of partition {partition} cannot be used")]
    Snapshot { partition: Partition, number: u64, source: SnapshotError },
    #[error(
        "partition {partition} has a position but neither a checkpoint nor the start of its \
         journal: the store is incomplete; start a new --group from the log"
    )]
    NoBeginning { partition: Partition },
    #[error(
        "replaying partition {partition} up to offset {position} gave other counters than the \
         commit there says, so the log or the store was changed; `seismic verify` shows where. \
         Replayed: {replayed}; committed: {committed}"
    )]
    ReplayDiffers { partition: Partition, position: Offset, replayed: String, committed: String },
    #[error(
        "--time ingest follows the append times of topic {topic:?}, but those are what its producers \
         say (message.timestamp.type=CreateTime): set LogAppendTime on the topic, or use --time event"
    )]
    ProducersTimes { topic: String },
    #[error(
        "partition {partition} was read up to offset {next}, but its log ends at {end}: the queue was \
         put back to an older state or has lost messages. What comes next would get offsets that \
         were counted before, so --accept-loss does not help here; restore the queue, or start a \
         new --group"
    )]
    LogShort { partition: Partition, next: Offset, end: Offset },
    #[error(
        "messages of topic {topic:?} that the job has not read are gone: {}. --accept-loss goes on after them and \
         writes the loss into the journal; else put the log back, or start a new --group",
        join(lost)
    )]
    Lost { topic: String, lost: Vec<Loss> },
    #[error(
        "offset {checkpoint} of {topic}/{partition} is gone, where the newest checkpoint that can be \
         used stands, though the job has read up to {next}: the oldest message still there is \
         {first}. The windows that were open cannot be \
         made again, and without them rows could come twice. --accept-loss does not help here; put \
         the log back, or start a new --group from what is left"
    )]
    ReplayLost {
        topic: String,
        partition: Partition,
        checkpoint: Offset,
        next: Offset,
        first: Offset,
    },
    #[error(
        "the log of partition {partition} begins at offset {first}, after the start of the job and \
         every checkpoint that could be used: nothing of the partition can be proved any more"
    )]
    NothingToProve { partition: Partition, first: Offset },
    #[error(
        "there is no checkpoint {which} in {partitions}; `seismic checkpoint list` shows what there is"
    )]
    NoSuchCheckpoint { which: String, partitions: String },
    #[error("checkpoint {name:?} is not whole: some partitions have not taken it yet")]
    NameNotWhole { name: String },
    #[error(
        "--from-checkpoint was given, but partition {partition} goes on at offset {next} from the \
         last run: the job has begun already. Leave --from-checkpoint out, or fork into another --group"
    )]
    AlreadyBegun { partition: Partition, next: Offset },
    #[error(
        "a fork reads the topic of the job that it comes from: group {group:?} reads {theirs:?}, and \
         {ours:?} here is another one"
    )]
    OtherInput { ours: String, theirs: String, group: String },
    #[error(
        "the checkpoint was made under other rules: {}. Run with those, or start a new --group from \
         the log",
        .0.join(", ")
    )]
    CheckpointRulesDiffer(Vec<String>),
    #[error(
        "checkpoint {which} of partition {partition} is at offset {position}, but the log begins at \
         {first}: what came after it is gone. Take a newer checkpoint, or start a new --group from \
         what is left"
    )]
    LogGone { which: String, partition: Partition, position: Offset, first: Offset },
    #[error(
        "partitions were added to the input, and partition {partition} was not drained before: {what}. Sensors \
         cannot move while a window of theirs is open: use another --group, which reads the log anew"
    )]
    NotDrained { partition: Partition, what: String },
    #[error(
        "partitions were added to the input, and sensors cannot be dealt out among them; use another --group, \
         which reads the log anew"
    )]
    Redistribute { source: RedistributeError },
    #[error(
        "checkpoint {number} of partition {partition} and those of others are from different sides of the moment \
         at which partitions were added: sensors would be in two partitions or in none. Take a checkpoint \
         that was made, and named, after it"
    )]
    CheckpointsAcrossRescale { partition: Partition, number: u64 },
    #[error("the source assigned partition {0}, which this slot does not know")]
    Unassigned(Partition),
    #[error(
        "the commit could not be made before the stop; it is not lost: the next run repeats it"
    )]
    NotCommitted { source: seismic_queue::Error },
    #[error("a commit failed")]
    Commit { kind: Kind, source: seismic_queue::Error },
    #[error("the committer of a slot has stopped")]
    CommitterGone,
    #[error("{complete} was asked for, but {what}")]
    Partial { complete: &'static str, what: String },
}

/// Messages of one partition that are gone before they were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Which one.
    pub partition: Partition,
    /// First lost offset: the position of the job.
    pub from: Offset,
    /// The first offset that is left.
    pub to: Offset,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.from.0, self.to.0);
        let (partition, last, count) = (self.partition, to - 1, to - from);
        let word = if count == 1 { "message" } else { "messages" };
        write!(f, "partition {partition}: offsets {from} to {last} ({count} {word})")
    }
}

fn join(losses: &[Loss]) -> String {
    losses.iter().map(Loss::to_string).collect::<Vec<_>>().join("; ")
}

/// A commit that cannot be made. One of unknown outcome is not among them for a slot, which asks
/// the store; for anyone else it is fatal, and the next start asks.
impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Retry(source) => Error::NotCommitted { source },
            CommitError::Fenced(source) => Error::Commit { kind: Kind::Fenced, source },
            CommitError::Fatal(source) | CommitError::Rebuild(source) => {
                Error::Commit { kind: Kind::Fatal, source }
            }
        }
    }
}

impl Error {
    /// What a person can do about it, where that takes more than what the message says.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Error::Queue(error) => error.remedy(),
            _ => None,
        }
    }

    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Queue(error) => error.kind(),
            Error::Commit { kind, .. } => *kind,
            Error::Options(_)
            | Error::AlreadyBegun { .. }
            | Error::OtherInput { .. }
            | Error::NotDrained { .. }
            | Error::CheckpointsAcrossRescale { .. }
            | Error::Redistribute { .. }
            | Error::CheckpointRulesDiffer(_)
            | Error::ProducersTimes { .. }
            | Error::RulesDiffer(_)
            | Error::NoSuchCheckpoint { .. }
            | Error::NameNotWhole { .. }
            | Error::AlreadyStarted { .. }
            | Error::BegunElsewhere { .. }
            | Error::ForkedElsewhere { .. }
            | Error::ForkNotMade { .. } => Kind::Config,
            Error::Note { .. }
            | Error::Entry { .. }
            | Error::Snapshot { .. }
            | Error::NoBeginning { .. }
            | Error::LogGone { .. }
            | Error::LogShort { .. }
            | Error::Lost { .. }
            | Error::ReplayLost { .. }
            | Error::NothingToProve { .. }
            | Error::ReplayDiffers { .. }
            | Error::Partial { .. } => Kind::Data,
            Error::Unassigned(_) | Error::NotCommitted { .. } | Error::CommitterGone => Kind::Fatal,
        }
    }
}
