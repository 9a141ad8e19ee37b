//! Open transactions in a topic, for queues with transactional producers.

use std::fmt;

use crate::{Offset, Partition, Remedy};

/// The oldest open transaction of a partition. Who reads what is committed gets nothing from its
/// first message on, also nothing of others, until it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTransaction {
    /// Where.
    pub topic: String,
    /// In which partition.
    pub partition: Partition,
    /// Its first message.
    pub first: Offset,
    /// The end of the log, behind everything that is held back.
    pub end: Offset,
    /// When its first message was appended, ms since 1970 UTC; `None` where no one looked.
    pub since_ms: Option<i64>,
    /// The id that the queue gave its producer, where it says so.
    pub producer: Option<i64>,
    /// Others of the partition that are open behind its first message, oldest first, as far as
    /// somebody looked.
    pub behind: Vec<TransactionBehind>,
}

/// An open transaction behind the first message of an older one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionBehind {
    /// Its first message.
    pub first: Offset,
    /// As in [`OpenTransaction`].
    pub since_ms: Option<i64>,
    /// As in [`OpenTransaction`].
    pub producer: Option<i64>,
}

impl OpenTransaction {
    /// This one and those behind it, each as what holds the partition back when those before it are
    /// over.
    pub fn each(self) -> impl Iterator<Item = OpenTransaction> {
        let OpenTransaction { topic, partition, end, first, since_ms, producer, behind } = self;
        let oldest = TransactionBehind { first, since_ms, producer };
        std::iter::once(oldest).chain(behind).map(move |it| OpenTransaction {
            topic: topic.clone(),
            partition,
            first: it.first,
            end,
            since_ms: it.since_ms,
            producer: it.producer,
            behind: Vec::new(),
        })
    }

    /// How long it has been open, ms.
    #[must_use]
    pub fn age_ms(&self, now_ms: i64) -> Option<i64> {
        self.since_ms.map(|since_ms| now_ms.saturating_sub(since_ms).max(0))
    }

    /// Offsets that a reader at `position` does not get yet.
    #[must_use]
    pub fn held_from(&self, position: Offset) -> u64 {
        self.end.0.saturating_sub(self.first.max(position).0)
    }

    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let OpenTransaction { topic, partition, first, .. } = self;
        Remedy::EndTransaction { topic: topic.clone(), partition: *partition, first: *first }
    }
}

impl fmt::Display for OpenTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OpenTransaction { topic, partition, first, .. } = self;
        write!(
            f,
            "partition {partition} of topic {topic:?} is held back from offset {first} on by an open \
             transaction"
        )?;
        self.producer.map_or(Ok(()), |producer| write!(f, " of producer id {producer}"))
    }
}
