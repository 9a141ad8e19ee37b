//! The seam of a queue: topics that producers append to and sources and readers read from.
//!
//! All calls block and are made per batch. Only [`Queue`] may be used from several threads at once.

mod diagnose;
mod hold;
mod import_log;
mod open_transaction;
mod producer;
mod reader;
mod retention;
mod source;
mod span_reader;

pub use diagnose::{Access, AppendTimes, Diagnose, Need};
pub use hold::{HeldBack, Hold};
pub use import_log::{Before, ImportLog, NoteChange, Standing};
pub use open_transaction::{OpenTransaction, TransactionBehind};
pub use producer::{Append, Appended, Producer};
pub use reader::{Event, Reader};
pub use retention::{Policy, Retained, Retention};
pub use source::{GroupMember, Member, Source};
pub use span_reader::SpanReader;

use std::collections::HashSet;

use crate::{Offset, Partition, Result, Span, Topic};

/// What a topic knows of who has appended to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownProducers {
    /// Their ids.
    pub ids: HashSet<String>,
    /// Whether no one else has appended anything: the topic was looked through as a whole.
    pub are_all: bool,
}

/// Where topics live.
pub trait Queue: Retention + Diagnose + Send + Sync {
    /// What to call it in messages.
    fn name(&self) -> String;

    /// All topics, by name.
    fn topics(&self) -> Result<Vec<Topic>>;

    /// The topic of that name.
    ///
    /// # Errors
    /// [`Error::TopicMissing`](crate::Error::TopicMissing).
    fn topic(&self, name: &str) -> Result<Topic>;

    /// The topic of that name, made if it is missing.
    ///
    /// # Errors
    /// [`Error::PartitionsDiffer`](crate::Error::PartitionsDiffer) when it is there with another
    /// number of partitions.
    fn create(&self, name: &str, partitions: u32) -> Result<Topic>;

    /// Deletes a topic with all of its messages, and all that is known of it. One that is made
    /// again under its name is another topic.
    ///
    /// # Errors
    /// [`Error::NoTopicDeletion`](crate::Error::NoTopicDeletion) where that is not possible.
    fn delete(&self, _topic: &Topic) -> Result<()> {
        let (at, why) = (self.name(), "this queue has no way to delete a topic");
        Err(crate::Error::NoTopicDeletion { at, why })
    }

    /// What each partition holds, in order of partitions, all read at one moment.
    fn spans(&self, topic: &Topic) -> Result<Vec<Span>>;

    /// First offset appended at or after `time_ms` (the end of the log if there is none). Blocks
    /// share an append time, so the answer is the first message of its block.
    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset>;

    /// A producer. `id` names the run: what it already appended is recognised, see [`Producer`].
    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>>;

    /// The producers that the topic knows something of; `None` where asking for one of them costs
    /// no more, and each is known.
    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>>;

    /// What remembers imports together with their messages; `None` where the queue has no such
    /// thing.
    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>>;

    /// A reader of the given partitions, each from its offset on.
    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>>;

    /// A source of a slot that holds `partitions` for good.
    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>>;

    /// A source of a member of a group, which is given its partitions, and may lose them.
    ///
    /// # Errors
    /// [`Error::NoGroups`](crate::Error::NoGroups) where there are none.
    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>>;
}
