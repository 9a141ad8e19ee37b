//! Delivery reports of the commit in progress. Each message carries its kind and partition as a
//! number, which librdkafka returns with the offset that the broker assigned.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;

use crate::client::connection::log;
use seismic_queue::{Offset, Partition};

/// What a message of a commit is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum MessageKind {
    Chunk,
    Manifest,
    Other,
    /// Rows of a keyed output: they go to partitions that others write to as well.
    Keyed,
    /// Pieces of a version of a table, and what the directory says of it.
    Table,
    /// Rows of the output of that place.
    Output(u16),
}

impl MessageKind {
    const ALL: [MessageKind; 5] = [
        MessageKind::Chunk,
        MessageKind::Manifest,
        MessageKind::Other,
        MessageKind::Keyed,
        MessageKind::Table,
    ];

    /// Kind and partition as one number, which comes back with the acknowledgement.
    pub(crate) fn tag(self, partition: Partition) -> usize {
        let kind = match self {
            MessageKind::Output(place) => MessageKind::ALL.len() + usize::from(place),
            what => MessageKind::ALL.iter().position(|it| *it == what).expect("all are there"),
        };
        partition.0 as usize * 1_024 + kind
    }

    fn of(tag: usize) -> (Partition, MessageKind) {
        let (partition, kind) = (tag / 1_024, tag % 1_024);
        let output = || MessageKind::Output((kind - MessageKind::ALL.len()) as u16);
        (Partition(partition as u32), MessageKind::ALL.get(kind).copied().unwrap_or_else(output))
    }
}

/// Delivery reports of the commit in progress.
#[derive(Default)]
pub(crate) struct DeliveryReports(Mutex<Delivered>);

#[derive(Default)]
struct Delivered {
    /// First and last offset, and the append time of the last.
    offsets: HashMap<(Partition, MessageKind), (u64, u64, Option<i64>)>,
    failed: Option<(KafkaError, String)>,
}

impl DeliveryReports {
    /// Forgets the commit before this one.
    pub(crate) fn clear(&self) {
        *self.delivered() = Delivered::default();
    }

    /// First and last offset of the messages of that kind.
    pub(crate) fn ends(&self, partition: Partition, what: MessageKind) -> Option<(Offset, Offset)> {
        let (first, last, _) = *self.delivered().offsets.get(&(partition, what))?;
        Some((Offset(first), Offset(last)))
    }

    /// Append time of the last message of that kind, ms since 1970 UTC, as the topic has it.
    pub(crate) fn last_append_ms(&self, partition: Partition, what: MessageKind) -> Option<i64> {
        self.delivered().offsets.get(&(partition, what))?.2
    }

    /// Why a message did not arrive, and in which topic.
    pub(crate) fn failure(&self) -> Option<(KafkaError, String)> {
        self.delivered().failed.clone()
    }

    fn delivered(&self) -> MutexGuard<'_, Delivered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for DeliveryReports {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, tag: usize) {
        let mut delivered = self.delivered();
        match result {
            Ok(message) => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                // Of a topic with append times of the broker it comes with the acknowledgement.
                let append_ms = message.timestamp().to_millis();
                let of_kind = delivered.offsets.entry(MessageKind::of(tag));
                let seen = of_kind.or_insert((offset, offset, append_ms));
                seen.0 = seen.0.min(offset);
                if offset > seen.1 {
                    (seen.1, seen.2) = (offset, append_ms);
                }
            }
            Err((error, message)) => {
                delivered.failed.get_or_insert_with(|| (error.clone(), message.topic().to_owned()));
            }
        }
    }
}
