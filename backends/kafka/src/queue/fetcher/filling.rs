//! What a fetcher is given, put into batches.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rdkafka::error::RDKafkaErrorCode as Code;

use crate::client::connection::partition;
use crate::client::native::Item;
use seismic_queue::{Batch, Message, Offset, Partition};

/// What was taken and not yet given.
pub(super) enum Ready {
    Batch(Batch),
    End(Partition, Offset),
    Failed(Partition, Code),
}

impl Ready {
    pub(super) fn partition(&self) -> Partition {
        match self {
            Ready::Batch(batch) => batch.partition(),
            Ready::End(partition, _) | Ready::Failed(partition, _) => *partition,
        }
    }
}

/// Batches that are filled with what comes.
pub(super) struct Filling<'a> {
    pub(super) next: &'a mut BTreeMap<Partition, Offset>,
    pub(super) ready: &'a mut VecDeque<Ready>,
    pub(super) brokers: &'a mut BTreeSet<i32>,
    pub(super) spare: &'a mut Vec<Batch>,
    pub(super) batch: Option<Batch>,
    /// Who gave the message before, if it matters.
    pub(super) broker: Option<i32>,
}

impl Filling<'_> {
    pub(super) fn add(&mut self, item: Item<'_>) {
        match item {
            Item::Message { partition: number, offset, append_ms, key, value, broker } => {
                let message = Message { offset: Offset(offset as u64), append_ms, key, value };
                self.note(broker);
                self.push(partition(number), message);
            }
            Item::End { partition: number, offset, broker } => {
                self.note(broker);
                self.close();
                let (partition, offset) = (partition(number), Offset(offset as u64));
                if let Some(next) = self.next.get_mut(&partition) {
                    *next = offset.max(*next);
                    self.ready.push_back(Ready::End(partition, *next));
                }
            }
            Item::Error { partition: number, code } => {
                self.close();
                self.ready.push_back(Ready::Failed(partition(number), code));
            }
        }
    }

    fn note(&mut self, broker: Option<i32>) {
        if self.broker != broker {
            self.broker = broker;
            self.brokers.extend(broker);
        }
    }

    fn push(&mut self, partition: Partition, message: Message<'_>) {
        let long = message.key.len() + message.value.len();
        let fits = |batch: &Batch| {
            batch.partition() == partition
                && (batch.is_empty() || batch.size() + long <= seismic_queue::limits::BATCH_BYTES)
        };
        if !self.batch.as_ref().is_some_and(fits) {
            self.close();
            let Some(&next) = self.next.get(&partition) else { return };
            let mut batch = self.spare.pop().unwrap_or_default();
            batch.reset(partition, next);
            self.batch = Some(batch);
        }
        // What was given before is passed over.
        if let Some(batch) = self.batch.as_mut().filter(|batch| message.offset >= batch.next()) {
            batch.push(message);
        }
    }

    /// Gives the batch that is being filled.
    pub(super) fn close(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        if batch.is_empty() {
            return self.spare.push(batch);
        }
        if let Some(next) = self.next.get_mut(&batch.partition()) {
            *next = batch.next();
        }
        self.ready.push_back(Ready::Batch(batch));
    }
}
