//! Errors that stop a job or a proof.

use std::fmt;

use seismic_queue::{CommitError, Fingerprint, Kind, Offset, Partition, Remedy};

use crate::engine::journal::EntryError;
use crate::engine::redistribute_error::RedistributeError;
use crate::engine::semantics_error::SemanticsError;
use crate::engine::snapshot_error::SnapshotError;
use crate::runner::notices::notice::SpreadSensors;

/// Result of this crate's shell.
pub type Result<T> = std::result::Result<T, Error>;

/// Declares the errors, each with its [`Kind`] in brackets before it: what the caller must do.
macro_rules! errors {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $(
                [$kind:ident]
                $(#[$attribute:meta])*
                $variant:ident $(($($unnamed:tt)*))? $({$($named:tt)*})?,
            )*
        }
    ) => {
        $(#[$about])*
        pub enum $name {
            $( $(#[$attribute])* $variant $(($($unnamed)*))? $({$($named)*})?, )*
        }

        impl $name {
            /// What the caller must do about the variant, unless its cause says otherwise.
            fn kind_of_variant(&self) -> Kind {
                match self {
                    $( $name::$variant { .. } => Kind::$kind, )*
                }
            }
        }
    };
}

errors! {
    /// What went wrong. Messages name the place; [`Error::remedy`] has what to do about it, causes
    /// are in `source()`.
    #[derive(Debug, thiserror::Error)]
    #[allow(missing_docs)]
    pub enum Error {
        [Fatal]
        #[error(transparent)]
        Queue(#[from] seismic_queue::Error),
        [Config]
        #[error("these options cannot be used:\n  {}", .0.join("\n  "))]
        Options(Vec<String>),
        [Config]
        #[error(
            "the group has progress made under other rules: {}. Continuing would mix two meanings \
             in \
             one result topic",
            .0.join(", ")
        )]
        RulesDiffer(Vec<String>),
        [Config]
        #[error("partition {partition} cannot go on, and nothing was committed of this: {why}")]
        OperatorFailed { partition: Partition, why: String },
        [Config]
        #[error(
            "a start position was given, but partition {partition} continues at offset {next} from \
             the last run"
        )]
        AlreadyStarted { partition: Partition, next: Offset },
        [Config]
        #[error("the start position {asked} was given, but the job started from {agreed}")]
        StartedElsewhere { asked: String, agreed: String },
        [Config]
        #[error("the group is to start with {asked}, but started with {agreed}")]
        ForkedElsewhere { asked: String, agreed: String },
        [Config]
        #[error(
            "the group is to start with {agreed}, but the worker that was about to commit that \
             start \
             has not done so"
        )]
        ForkNotMade { agreed: String },
        [Data]
        #[error("the note stored with the position of partition {partition} cannot be used")]
        Note { partition: Partition, source: EntryError },
        [Data]
        #[error("journal entry {sequence} of partition {partition} cannot be used")]
        Entry { partition: Partition, sequence: u64, source: EntryError },
        [Data]
        #[error("checkpoint {number} of partition {partition} cannot be used")]
        Snapshot { partition: Partition, number: u64, source: SnapshotError },
        [Data]
        #[error(
            "partition {partition} has a position but neither a checkpoint nor the start of its \
             journal: the store is incomplete"
        )]
        NoBeginning { partition: Partition },
        [Data]
        #[error(
            "replaying partition {partition} up to offset {position} gave other counters than the \
             commit there has, so the log or the store was changed. Replayed: {replayed}; \
             committed: \
             {committed}"
        )]
        ReplayDiffers { partition: Partition, position: Offset, replayed: String, committed: String },
        [Config]
        #[error(
            "ingest time follows the append times of topic {topic:?}, but its producers set those \
             (message.timestamp.type=CreateTime)"
        )]
        ProducersTimes { topic: String },
        [Data]
        #[error(
            "partition {partition} was read up to offset {next}, but its log ends at {end}: the \
             queue \
             was restored to an older state or has lost messages. New messages would get offsets \
             that \
             were already counted"
        )]
        LogShort { partition: Partition, next: Offset, end: Offset },
        [Data]
        #[error(
            "partition {partition} was read up to offset {next}, and its last message, \
             {delivered}, is not \
             the one that {topic:?} has there, {found}: an older copy of the queue was restored \
             and has \
             grown since. Continuing would mix two logs in one result"
        )]
        LogDiffers {
            topic: String,
            partition: Partition,
            next: Offset,
            delivered: Fingerprint,
            found: Fingerprint,
        },
        [Data]
        #[error("messages of topic {topic:?} that the job has not read are gone: {}", join(lost))]
        Lost { topic: String, lost: Vec<Loss> },
        [Data]
        #[error(
            "the newest usable checkpoint of {topic}/{partition} is at offset {checkpoint}, which \
             is \
             gone, although the job has read up to {next}: the oldest message still there is \
             {first}. \
             The windows that were open cannot be recomputed, and without them rows could be \
             written twice"
        )]
        ReplayLost {
            topic: String,
            partition: Partition,
            checkpoint: Offset,
            next: Offset,
            first: Offset,
        },
        [Data]
        #[error(
            "the log of partition {partition} starts at offset {first}, after the start of the \
             job and \
             after every usable checkpoint: nothing of the partition can be proved any more"
        )]
        NothingToProve { partition: Partition, first: Offset },
        [Config]
        #[error("there is no checkpoint {which} in {partitions}")]
        NoSuchCheckpoint { which: String, partitions: String },
        [Config]
        #[error("checkpoint {name:?} is not complete: some partitions have not taken it yet")]
        NameNotWhole { name: String },
        [Config]
        #[error(
            "a checkpoint to start from was given, but the job has already started: partition \
             {partition} continues at offset {next} from the last run"
        )]
        AlreadyForked { partition: Partition, next: Offset },
        [Config]
        #[error(
            "a fork reads the topic of the job that it comes from: group {group:?} reads \
             {theirs:?}, \
             not {ours:?}"
        )]
        OtherInput { ours: String, theirs: String, group: String },
        [Config]
        #[error("the checkpoint was made under other rules: {}", .0.join(", "))]
        CheckpointRulesDiffer(Vec<String>),
        [Data]
        #[error(
            "checkpoint {which} of partition {partition} is at offset {position}, but the log \
             starts at \
             {first}: the messages after the checkpoint are gone"
        )]
        LogGone { which: String, partition: Partition, position: Offset, first: Offset },
        [Config]
        #[error(
            "partitions were added to the input, but partition {partition} was not drained before: \
             {what}. Sensors cannot move while one of their windows is open"
        )]
        NotDrained { partition: Partition, what: String },
        [Config]
        #[error(
            "partitions were added to the input, but sensor state cannot be redistributed among \
             them"
        )]
        Redistribute { source: RedistributeError },
        [Config]
        #[error(
            "checkpoint {number} of partition {partition} and those of other partitions were \
             taken on \
             different sides of a rescale: sensors would be in two partitions or in none"
        )]
        CheckpointsAcrossRescale { partition: Partition, number: u64 },
        [Fatal]
        #[error("the source assigned partition {0}, which this slot does not know")]
        Unassigned(Partition),
        [Fatal]
        #[error(
            "the commit could not be made before the stop; nothing is lost: the next run repeats it"
        )]
        NotCommitted { source: seismic_queue::Error },
        [Fatal]
        #[error("a commit failed")]
        Commit { kind: Kind, source: seismic_queue::Error },
        [Fatal]
        #[error("the committer of a slot has stopped")]
        CommitterGone,
        [Data]
        #[error("{0}")]
        Spread(SpreadSensors),
        [Data]
        #[error("the job cannot be proved from its start: {what}")]
        Partial { what: String },
    }
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

/// A commit that cannot be made. A slot handles a commit of unknown outcome itself: it asks the
/// store. Everyone else fails, and the next start asks.
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
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Queue(error) => error.kind(),
            Error::Commit { kind, .. } => *kind,
            other => other.kind_of_variant(),
        }
    }

    /// What a person can do about it, where that takes an option or a command.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Error::Queue(error) => return error.remedy(),
            Error::RulesDiffer(_) | Error::CheckpointRulesDiffer(_) => Remedy::OldRules,
            Error::AlreadyStarted { .. } | Error::StartedElsewhere { .. } => Remedy::OmitStart,
            Error::ForkNotMade { .. } => Remedy::RepeatFork,
            Error::Note { source: EntryError::Semantics(cause), .. }
            | Error::Entry { source: EntryError::Semantics(cause), .. }
            | Error::Snapshot { source: SnapshotError::Semantics(cause), .. }
                if matches!(cause, SemanticsError::OtherVersion(_)) =>
            {
                Remedy::OldVersion
            }
            Error::NoBeginning { .. } | Error::ForkedElsewhere { .. } => Remedy::NewGroup,
            Error::ReplayDiffers { .. } => Remedy::Verify,
            Error::ProducersTimes { .. } => Remedy::BrokerAppendTimes,
            Error::Spread(_) => Remedy::KeyBySensor,
            Error::LogShort { .. } | Error::LogDiffers { .. } | Error::ReplayLost { .. } => {
                Remedy::RestoreLog
            }
            Error::Lost { .. } => Remedy::AcceptLoss,
            Error::NoSuchCheckpoint { .. } => Remedy::ListCheckpoints,
            Error::AlreadyForked { .. } => Remedy::OmitCheckpoint,
            Error::LogGone { .. } => Remedy::NewerCheckpoint,
            Error::NotDrained { .. } | Error::Redistribute { .. } => Remedy::OtherGroup,
            Error::CheckpointsAcrossRescale { .. } => Remedy::CheckpointAfterRescale,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_error_with_a_cause_is_that_of_its_cause() {
        let busy = || seismic_queue::Error::Busy { at: "here".into(), doing: "committing" };
        assert_eq!(Error::from(busy()).kind(), Kind::Retry);
        let fenced = Error::Commit { kind: Kind::Fenced, source: busy() };
        assert_eq!(fenced.kind(), Kind::Fenced);
        assert_eq!(Error::NoBeginning { partition: Partition(0) }.kind(), Kind::Data);
    }
}
