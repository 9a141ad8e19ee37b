//! Errors: what went wrong, where, and what the caller must do about it.

use std::error::Error as StdError;
use std::{fmt, io};

use crate::{Hold, Offset, Partition, Remedy};

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What the caller must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wait and retry: busy, out of space.
    Retry,
    /// Data is missing or damaged: a person decides.
    Data,
    /// What was asked for does not fit: change it.
    Config,
    /// Someone else owns it now: stop, do not restart (exit code 4).
    Fenced,
    /// Nothing helps here: stop, and restart from the log.
    Fatal,
}

/// What went wrong. Messages name the place; the remedy is in
/// [`Error::remedy`], causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error("{url:?} is not a queue or store: {why}")]
    Url { url: String, why: String },
    #[error("{name:?} cannot be a name: {why}")]
    Name { name: String, why: &'static str },
    #[error("topics of {at} are not deleted here: {why}")]
    NoTopicDeletion { at: String, why: &'static str },
    #[error("there is no topic {topic:?} in {at}")]
    TopicMissing { topic: String, at: String },
    #[error("topic {topic:?} has {have} partitions, not {want}, and they cannot change")]
    PartitionsDiffer { topic: String, have: u32, want: u32 },
    #[error("{want} partitions were asked for; there can be 1 to {limit}")]
    PartitionCount { want: u32, limit: u32 },
    #[error("topic {topic:?} has {partitions} partitions; there is no partition {partition}")]
    PartitionMissing { topic: String, partition: Partition, partitions: u32 },
    #[error(
        "offset {wanted} of {topic}/{partition} is gone: the oldest message still there is {first}"
    )]
    OffsetGone { topic: String, partition: Partition, wanted: Offset, first: Offset },
    #[error("offset {wanted} of {topic}/{partition} is not written yet: the log ends at {end}")]
    OffsetBeyond { topic: String, partition: Partition, wanted: Offset, end: Offset },
    #[error("a message of {size} bytes is larger than the limit of {limit}")]
    MessageTooLarge { size: usize, limit: usize },
    #[error(
        "producer {producer:?} continues {topic}/{partition} at message {found}, \
         but the topic has it only up to {expected}: messages in between are missing"
    )]
    SequenceGap { producer: String, topic: String, partition: Partition, expected: u64, found: u64 },
    #[error(
        "another import of the same data into {at} is running; repeat the import when it has \
         finished: imported records are recognised"
    )]
    ImportedMeanwhile { at: String },
    #[error("{at} is damaged: {what}")]
    Corrupt { at: String, what: String },
    #[error(
        "{at} was deleted or replaced while it was in use; everything written since is lost. \
         Restore the file, or restart with the new one"
    )]
    Replaced { at: String },
    #[error(
        "another file was written over {at} while it was in use: it has less in it than before. \
         Stop \
         everything that uses it, and restore one whole file"
    )]
    Overwritten { at: String },
    #[error(
        "{at} was written by an older version of this program (layout {found}, this one knows \
         {known}); make a new one"
    )]
    Older { at: String, found: u32, known: u32 },
    #[error("{at} is not a file of ours: {what}")]
    Foreign { at: String, what: String },
    #[error(
        "{at} was written by a newer version of this program (layout {found}, this one knows \
         {known})"
    )]
    Newer { at: String, found: u32, known: u32 },
    #[error("there is no store at {at}")]
    StoreMissing { at: String },
    #[error("{at} is owned by {by}")]
    Owned { at: String, by: String },
    #[error("{at} was taken over (epoch {ours} before, {theirs} now): this one stops")]
    Fenced { at: String, ours: u64, theirs: u64 },
    #[error("the store {at} belongs to a job with {what} {stored:?}, not {asked:?}")]
    JobDiffers {
        at: String,
        what: &'static str,
        stored: String,
        asked: String,
        remedy: Box<Remedy>,
    },
    #[error("partition {partition} of {at} has no checkpoint {number}")]
    CheckpointMissing { at: String, partition: Partition, number: u64 },
    #[error("{at} has a checkpoint named {name:?} already")]
    NameTaken { at: String, name: String },
    #[error("{at} has no checkpoint named {name:?}")]
    NameMissing { at: String, name: String },
    #[error("{at} has {limit} named checkpoints, which is the limit")]
    TooManyNames { at: String, limit: usize },
    #[error("partition {partition} of {at} has no checkpoint yet that could be named")]
    NothingToName { at: String, partition: Partition },
    #[error(
        "sink {sink} has rows of partition {partition} up to offset {next}, and only those before \
         {left} would be left in {at}: the sink cannot take rows back"
    )]
    SinkBeyond { at: String, sink: String, partition: Partition, next: Offset, left: Offset },
    #[error("the state {key:?} of sink {sink} has {bytes} bytes, and {at} keeps at most {limit}")]
    SinkStateTooLarge { at: String, sink: String, key: String, bytes: usize, limit: usize },
    #[error("a version of table {table} has {bytes} bytes, and {at} keeps at most {limit}")]
    TableTooLarge { at: String, table: String, bytes: usize, limit: usize },
    #[error(
        "retention of {topic}/{partition} stops at offset {offset}, which {holder} still needs"
    )]
    Held { topic: String, partition: Partition, offset: Offset, holder: String },
    #[error("{at} has no space left while {doing}; it continues when there is space")]
    Full { at: String, doing: &'static str },
    #[error("{at} is busy while {doing}")]
    Busy { at: String, doing: &'static str },
    #[error("{at}: {doing} failed")]
    Io { at: String, doing: &'static str, source: io::Error },
    #[error(transparent)]
    Backend(BackendError),
    #[error("no response from {at} within {seconds} s: check the address and that it is running")]
    Unreachable { at: String, seconds: u64 },
    #[error("topic {topic:?} belongs to group {group}")]
    TopicTaken { topic: String, group: String },
    #[error(
        "topic {topic:?} of {at} was deleted and recreated since the job read it: it has none of \
         the messages that were counted, and its offsets start again"
    )]
    TopicRemade { topic: String, at: String },
    #[error(
        "the job has written rows to {topic}/{partition} of {at} up to offset {next}, and \
         {found}: an older copy of the topic was restored, or it was replaced by another one. \
         Continuing would \
         leave \
         rows out, or have others among them"
    )]
    OutputDiffers { topic: String, at: String, partition: Partition, next: Offset, found: String },
    #[error(
        "topic {topic:?} of {at}, into which the job writes, was deleted and recreated while it \
         ran: it has none of the rows written before"
    )]
    OutputRemade { topic: String, at: String },
    #[error("group {group} of {at} was deleted; its name and its topics cannot be used again")]
    GroupOver { group: String, at: String },
    #[error("topic {topic:?} had the queues {then} (broker:queues) and now has {now}")]
    QueuesDiffer { topic: String, then: String, now: String },
    #[error("{at} has no groups that share the work: its partitions belong to one process")]
    NoGroups { at: String },
    #[error(
        "group {group} has no committed offset for {topic}/{partition}, but it has committed \
         before: \
         the cluster forgets offsets of groups without members (offsets.retention.minutes). No \
         result is lost"
    )]
    OffsetExpired { group: String, topic: String, partition: Partition },
    #[error(
        "this worker was paused for longer than its session in group {group}, so others have its \
         partitions; it stops"
    )]
    Paused { group: String },
    #[error("slot {slot} of group {group} was taken by another process; this one stops")]
    SlotTaken { group: String, slot: String },
    #[error("{at} cannot take back rows: a log only grows, and others may have read them")]
    NoRewind { at: String },
    #[error("{at} is no file that could be copied: back up the cluster with its own tools")]
    NoCopy { at: String },
    #[error("{at} cannot take partitions that were added to the input")]
    CannotRescale { at: String },
    #[error("the client setting {key:?} cannot be used: {why}")]
    Setting { key: String, why: String },
    #[error("this program was built without {what}")]
    NotBuilt { what: &'static str, feature: &'static str },
    #[error(
        "the offset of group {group} in {topic}/{partition} was committed by another program: it \
         carries no position of a job"
    )]
    ForeignOffset { group: String, topic: String, partition: Partition },
    #[error(
        "how much of topic {topic:?} is kept cannot be set: jobs need it to recover, and what none \
         needs is deleted automatically"
    )]
    FixedRetention { topic: String },
    #[error("topic {topic:?} cannot be used: its {key} is {found:?}, and {why}")]
    TopicSetting { topic: String, key: &'static str, found: String, why: &'static str },
    #[error(
        "{at} does not report the settings of {of}: check that it exists and that DescribeConfigs \
         is permitted"
    )]
    SettingsUntold { at: String, of: String },
    #[error("{at}: {doing} failed at a failpoint")]
    Failpoint { at: String, doing: &'static str },
    #[error(
        "the commit of partition {partition} does not continue from what is in {at}: \
         its {what} is {found} where {expected} is due"
    )]
    OutOfOrder { at: String, partition: Partition, what: &'static str, expected: u64, found: u64 },
    #[error("{at} is a store: only the commits of its job add to its topics")]
    CommitsOnly { at: String },
    #[error("the writer of {at} has stopped")]
    Stopped { at: String },
}

impl Error {
    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Full { .. } | Error::Busy { .. } => Kind::Retry,
            Error::OffsetGone { .. }
            | Error::OffsetBeyond { .. }
            | Error::MessageTooLarge { .. }
            | Error::SequenceGap { .. }
            | Error::Corrupt { .. }
            | Error::Replaced { .. }
            | Error::Overwritten { .. }
            | Error::OffsetExpired { .. }
            | Error::OutputDiffers { .. }
            | Error::OutputRemade { .. }
            | Error::CheckpointMissing { .. } => Kind::Data,
            Error::Url { .. }
            | Error::Setting { .. }
            | Error::NotBuilt { .. }
            | Error::TopicSetting { .. }
            | Error::SettingsUntold { .. }
            | Error::TopicTaken { .. }
            | Error::TopicRemade { .. }
            | Error::GroupOver { .. }
            | Error::QueuesDiffer { .. }
            | Error::NoGroups { .. }
            | Error::NoTopicDeletion { .. }
            | Error::NoRewind { .. }
            | Error::NoCopy { .. }
            | Error::CannotRescale { .. }
            | Error::Name { .. }
            | Error::TopicMissing { .. }
            | Error::PartitionsDiffer { .. }
            | Error::PartitionCount { .. }
            | Error::PartitionMissing { .. }
            | Error::Foreign { .. }
            | Error::ForeignOffset { .. }
            | Error::FixedRetention { .. }
            | Error::Newer { .. }
            | Error::Older { .. }
            | Error::StoreMissing { .. }
            | Error::JobDiffers { .. }
            | Error::CommitsOnly { .. }
            | Error::SinkBeyond { .. }
            | Error::NameTaken { .. }
            | Error::NameMissing { .. }
            | Error::TooManyNames { .. }
            | Error::NothingToName { .. }
            | Error::Held { .. } => Kind::Config,
            Error::Owned { .. }
            | Error::Fenced { .. }
            | Error::Paused { .. }
            | Error::SlotTaken { .. } => Kind::Fenced,
            Error::Io { .. }
            | Error::ImportedMeanwhile { .. }
            | Error::Unreachable { .. }
            | Error::Failpoint { .. }
            | Error::OutOfOrder { .. }
            | Error::SinkStateTooLarge { .. }
            | Error::TableTooLarge { .. }
            | Error::Stopped { .. } => Kind::Fatal,
            Error::Backend(error) => error.kind,
        }
    }

    /// What a person can do about it, where that takes more than what the message says.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Error::TopicMissing { .. } => Remedy::Publish,
            Error::PartitionsDiffer { have, .. } => Remedy::KeepPartitions { have: *have },
            Error::StoreMissing { .. } => Remedy::RunJob,
            Error::Owned { .. } => Remedy::StopOwner,
            Error::JobDiffers { remedy, .. } => Remedy::clone(remedy),
            Error::NameTaken { name, .. } => Remedy::OtherCheckpointName { taken: name.clone() },
            Error::NameMissing { .. } => Remedy::ListCheckpoints,
            Error::TooManyNames { .. } => Remedy::DeleteCheckpointName,
            Error::SinkBeyond { sink, .. } => Remedy::ReleaseSink { sink: sink.clone() },
            Error::TopicTaken { .. } => Remedy::OtherOutputTopics,
            Error::TopicRemade { .. } => Remedy::StartOver,
            Error::OutputDiffers { .. } | Error::OutputRemade { .. } => Remedy::RestoreOutputs,
            Error::GroupOver { .. } => Remedy::OtherGroupAndTopics,
            Error::QueuesDiffer { .. } => Remedy::StartBrokers,
            Error::OffsetExpired { group, .. } => Remedy::RepairGroup { group: group.clone() },
            Error::ForeignOffset { group, .. } => Remedy::RepairGroup { group: group.clone() },
            Error::CannotRescale { .. } => Remedy::OtherGroup,
            Error::NoRewind { .. } => Remedy::Fork,
            Error::NotBuilt { feature, .. } => Remedy::BuildWith { feature },
            Error::FixedRetention { topic } => Remedy::ApplyRetention { topic: topic.clone() },
            _ => return None,
        })
    }

    /// The sink of `hold` has rows from `left` on, which a rewind would take back.
    #[must_use]
    pub fn sink_beyond(at: &str, hold: Hold, left: Offset) -> Self {
        let Hold { holder: sink, partition, offset: next } = hold;
        Error::SinkBeyond { at: at.to_owned(), sink, partition, next, left }
    }

    /// A URL that cannot be used.
    pub fn url(url: impl ToString, why: impl Into<String>) -> Self {
        Error::Url { url: url.to_string(), why: why.into() }
    }

    /// What a backend alone knows of: its own error, and what that means for the caller.
    pub fn backend(kind: Kind, error: impl StdError + Send + Sync + 'static) -> Self {
        Error::Backend(BackendError { kind, error: Box::new(error) })
    }

    /// A backend's own error, if it is one of that type.
    #[must_use]
    pub fn of_backend<E: StdError + 'static>(&self) -> Option<&E> {
        match self {
            Error::Backend(error) => error.error.downcast_ref(),
            _ => None,
        }
    }
}

/// An error of a backend, with its words and its causes.
#[derive(Debug)]
pub struct BackendError {
    kind: Kind,
    error: Box<dyn StdError + Send + Sync>,
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for BackendError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

/// A call of a backend's client library that failed.
#[derive(Debug, thiserror::Error)]
#[error("{at}: {doing} failed")]
pub struct CallFailed<E: StdError + 'static> {
    /// Where.
    pub at: String,
    /// What was to be done.
    pub doing: &'static str,
    /// What the library says.
    pub source: E,
}

/// What a failed commit means for the slot that made it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Nothing was written; the same commit may be retried.
    #[error("the commit was not made and can be tried again")]
    Retry(#[source] Error),
    /// It is not known whether it was written: load everything again, the store knows.
    #[error("the outcome of the commit is unknown")]
    Rebuild(#[source] Error),
    /// Another owner has taken over.
    #[error("the commit was refused because another owner has taken over")]
    Fenced(#[source] Error),
    /// Stop.
    #[error("the commit failed")]
    Fatal(#[source] Error),
}
