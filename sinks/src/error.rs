//! Errors of sinks: what went wrong, where, and what the caller must do about it.

use std::io;
use std::path::{Path, PathBuf};

use seismic_queue::{Kind, Offset, Partition, Remedy};

use crate::position::mark::SinkAhead;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong. Messages name the place and the remedy; causes are in `source()`.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Error {
    #[error(transparent)]
    Queue(#[from] seismic_queue::Error),
    #[error("{spec:?} is not a sink: {why}; known are {known}")]
    Spec { spec: String, why: String, known: String },
    #[error("{sink} cannot be compared with the result topic: {what}")]
    NothingToCompare { sink: String, what: String },
    #[error("message {offset} of {topic}/{partition} is not a window result: {what}")]
    Row {
        topic: String,
        partition: Partition,
        offset: Offset,
        what: &'static str,
        source: Option<prost::DecodeError>,
    },
    #[error("{0}")]
    Ahead(Box<SinkAhead>),
    #[error("{} is in use by {by}", at.display())]
    Owned { at: PathBuf, by: String },
    #[error("{} holds rows of store {stored}, not of {asked}", at.display())]
    OtherStore { at: PathBuf, stored: String, asked: String },
    #[error(
        "the last row that {sink} has of partition {partition} is not the one that {topic:?} has \
         at offset \
         {offset}: an older copy of the store was restored and has grown since"
    )]
    OtherRows { sink: String, topic: String, partition: Partition, offset: Offset },
    #[error(
        "{} is missing, and its folder has rows that were written before: it is unknown how many \
         of \
         them count",
        at.display()
    )]
    CommitFileMissing { at: PathBuf },
    #[error("{} is damaged: {what}", at.display())]
    CommitFileDamaged { at: PathBuf, what: &'static str },
    #[error(
        "{} was written by a newer version of this program (layout {found}, this one knows \
         {known})",
        at.display()
    )]
    CommitFileNewer { at: PathBuf, found: u32, known: u32 },
    #[error(
        "{} has {have} bytes, but {committed} were written and synced: rows are lost",
        at.display()
    )]
    Short { at: PathBuf, have: u64, committed: u64 },
    #[error("{}, line {line}: {what}", at.display())]
    Content { at: PathBuf, line: u64, what: String, source: Option<::csv::Error> },
    #[error("{} has no space left while {doing}; writing continues when there is space", at.display())]
    Full { at: PathBuf, doing: &'static str },
    #[error("{}: {doing} failed", at.display())]
    Io { at: PathBuf, doing: &'static str, source: io::Error },
    #[error(
        "sink {sink} writes to the cluster of the job's own queue, and this queue is not at {wants}"
    )]
    OtherQueue { sink: String, wants: &'static str },
    #[error("sink {sink} was taken over (epoch {ours} before, {theirs} now): this one stops")]
    Overtaken { sink: String, ours: u64, theirs: u64 },
    #[error(
        "{place} ends at offset {end}, but a row was acknowledged at {known}: the broker lost \
         messages"
    )]
    Lost { place: String, known: Offset, end: Offset },
    #[error(
        "{place} is not what this sink wrote: {known} should be there, and there is {found}. An \
         older copy of the topic was restored, or the topic was replaced by another one"
    )]
    QueueDiffers { place: String, known: String, found: String },
    #[error(
        "row {row} of {topic} is not what the sink wrote, {place} has {what}: an older copy of \
         the store was restored, and it has made other rows since, as when windows were closed \
         for idleness at other times"
    )]
    OtherRow { place: String, topic: String, row: Offset, what: String },
    #[error("{place} is not new, and the store has no position of the sink in it")]
    NoPosition { place: String },
    #[error(
        "message {offset} of {place} is of {job}, not of store {ours}: a topic takes the rows of \
         one \
         job alone"
    )]
    Foreign { place: String, offset: Offset, job: String, ours: String },
    #[error("{sink} has rows of partition {partition} up to offset {at} that a rewind took back")]
    TakenBack { sink: String, partition: Partition, at: Offset },
    #[error("the state that sink {sink} keeps in {at} cannot be read: {key}")]
    StateDamaged { at: String, sink: String, key: String },
    #[error("{}: {what}", at.display())]
    Config { at: PathBuf, what: String },
    #[error("{place}: {doing} failed: {what}")]
    Database { place: String, doing: &'static str, what: String, kind: Kind },
    #[error("{place} is in use by {by}")]
    InUse { place: String, by: String },
    #[error("{place} holds the rows of store {stored}, not of store {asked}")]
    OtherRowsThere { place: String, stored: String, asked: String },
    #[error("{place} has rows, and no position: it is unknown which of them count")]
    PositionMissing { place: String },
    #[error("the position of {place} is damaged")]
    PositionDamaged { place: String },
    #[error(
        "the position of {place} was moved by someone else: another sink writes there, or the \
         database was restored meanwhile. This one stops, and nothing is written twice"
    )]
    Moved { place: String },
    #[error("{place}: there is no table {table}")]
    TableMissing { place: String, table: String },
    #[error("{place}: the table does not fit the rows: {what}")]
    TableDiffers { place: String, what: String },
    #[error("{place}: {what}")]
    TableUnread { place: String, what: String },
    #[error("{place} does not take row {offset} of partition {partition}: {what}")]
    RowRefused { place: String, partition: Partition, offset: Offset, what: String },
    #[error("{place} does not take a row: {what}")]
    RowsRefused { place: String, what: String },
    #[error("{why}")]
    Condition { why: String },
    #[error("job {group:?} has no source {wanted:?} for sink {sink}; it has {there}")]
    NoSource { sink: String, wanted: String, group: String, there: String },
    #[error("sink {sink} was being opened when a stop was ordered")]
    Stopped { sink: String },
    #[error(
        "sink {sink} has skipped {rows} rows already, which is the limit: its target does not fit \
         the rows"
    )]
    TooManySkipped { sink: String, rows: usize },
    #[error("{at} was closed by its reader")]
    Closed { at: &'static str },
    #[error("{} failed before and is not used again; nothing is lost", at.display())]
    Broken { at: PathBuf },
    #[error("failpoint {name}")]
    Failpoint { name: &'static str },
}

impl Error {
    /// An error in reading the rows of a job. That their topic was recreated is a loss of rows, as it
    /// is for the worker that writes them; which of both finds it first is chance.
    #[must_use]
    pub(crate) fn of_rows(error: seismic_queue::Error) -> Error {
        Error::Queue(match error {
            seismic_queue::Error::TopicRemade { topic, at } => {
                seismic_queue::Error::OutputRemade { topic, at }
            }
            error => error,
        })
    }

    /// What a person can do about it, where that takes more than what the message says.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Error::Queue(error) => return error.remedy(),
            Error::Owned { .. } => Remedy::StopFolderOwner,
            Error::OtherStore { .. } => Remedy::OtherFolder,
            Error::OtherRows { .. } => Remedy::EmptyFolder,
            Error::Ahead(_) => Remedy::RestoreStore,
            Error::CommitFileMissing { .. }
            | Error::CommitFileDamaged { .. }
            | Error::Short { .. } => Remedy::RestoreFile,
            Error::TakenBack { .. } => Remedy::EmptyFolder,
            Error::Lost { .. } => Remedy::SyncFlush,
            Error::NoPosition { .. } | Error::Foreign { .. } | Error::QueueDiffers { .. } => {
                Remedy::OtherSinkTopic
            }
            Error::OtherRow { .. } => Remedy::RestoreStore,
            Error::Broken { .. } | Error::Moved { .. } => Remedy::StartAgain,
            Error::InUse { .. } => Remedy::StopOtherSink,
            Error::TableMissing { .. } => Remedy::MakeTable,
            Error::TableDiffers { .. } => Remedy::AlterTable,
            Error::OtherRowsThere { .. }
            | Error::PositionMissing { .. }
            | Error::PositionDamaged { .. } => Remedy::OtherTable,
            Error::RowRefused { .. } => Remedy::MendRow,
            Error::RowsRefused { .. } => Remedy::LeaveRowsOut,
            _ => return None,
        })
    }

    /// What the caller must do.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Error::Queue(error) => error.kind(),
            Error::Full { .. } | Error::Stopped { .. } => Kind::Retry,
            Error::Database { kind, .. } => *kind,
            Error::Row { .. }
            | Error::OtherRows { .. }
            | Error::Ahead(_)
            | Error::CommitFileMissing { .. }
            | Error::CommitFileDamaged { .. }
            | Error::Short { .. }
            | Error::Lost { .. }
            | Error::QueueDiffers { .. }
            | Error::OtherRow { .. }
            | Error::NoPosition { .. }
            | Error::TakenBack { .. }
            | Error::StateDamaged { .. }
            | Error::PositionMissing { .. }
            | Error::PositionDamaged { .. }
            | Error::RowRefused { .. }
            | Error::RowsRefused { .. }
            | Error::TooManySkipped { .. }
            | Error::Content { .. } => Kind::Data,
            Error::Spec { .. }
            | Error::Condition { .. }
            | Error::NoSource { .. }
            | Error::NothingToCompare { .. }
            | Error::OtherStore { .. }
            | Error::OtherQueue { .. }
            | Error::Foreign { .. }
            | Error::Config { .. }
            | Error::OtherRowsThere { .. }
            | Error::TableMissing { .. }
            | Error::TableDiffers { .. }
            | Error::TableUnread { .. }
            | Error::CommitFileNewer { .. } => Kind::Config,
            Error::Owned { .. }
            | Error::Overtaken { .. }
            | Error::InUse { .. }
            | Error::Moved { .. } => Kind::Fenced,
            Error::Io { .. }
            | Error::Closed { .. }
            | Error::Broken { .. }
            | Error::Failpoint { .. } => Kind::Fatal,
        }
    }

    /// The job's queue is no cluster where a RocketMQ sink could write to `topic`.
    #[cfg(feature = "rocketmq")]
    pub(crate) fn other_queue(topic: &str) -> Error {
        Error::OtherQueue { sink: format!("rocketmq:{topic}"), wants: "rocketmq://" }
    }

    /// An IO error of `doing` at `at`; a full disk is distinguished because it passes.
    pub(crate) fn io(at: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> Error {
        move |source| match source.kind() {
            // The last is a limit of file sizes (`ulimit -f`).
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Error::Full { at: at.to_owned(), doing },
            _ => Error::Io { at: at.to_owned(), doing, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_topic_that_was_recreated_is_a_loss_for_the_sink_as_for_the_worker() {
        let (topic, at) = ("rows".to_owned(), "kafka://a".to_owned());
        let error = Error::of_rows(seismic_queue::Error::TopicRemade { topic, at });
        assert_eq!(error.kind(), Kind::Data, "exit code 1, not that of a wrong option");
        assert_eq!(error.remedy(), Some(Remedy::RestoreOutputs));
    }
}
