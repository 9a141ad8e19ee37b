//! Reads partitions of a topic from given offsets on: what readers and sources share.
//!
//! Messages come from librdkafka in batches, read-committed, and are copied once into ours. Its
//! positions move over the gaps that transactions leave: [`Event::CaughtUp`] says them.
//!
//! Every start makes a new client. One that is given other offsets or partitions says the end of a
//! log only where it did not say it before, and leads what it reads back to its own queue.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::client::{Cluster, Quiet, make_with, number, partition};
use super::kind::may_pass;
use super::native::{Inbox, Item};
use crate::{Batch, Error, Event, Message, Offset, Partition, Result, Topic, check, limits};

/// Reads what it was started on.
pub(super) struct Fetcher {
    cluster: Cluster,
    topic: Topic,
    config: ClientConfig,
    inbox: Option<Inbox<Quiet>>,
    /// Where each partition that was started reads on, after everything that is in `ready`.
    next: BTreeMap<Partition, Offset>,
    ready: VecDeque<Ready>,
    /// Brokers that gave what was read since all that is read was started.
    brokers: BTreeSet<i32>,
}

/// What was taken and not yet given.
enum Ready {
    Batch(Batch),
    End(Partition, Offset),
    Failed(Partition, Code),
}

impl Ready {
    fn partition(&self) -> Partition {
        match self {
            Ready::Batch(batch) => batch.partition(),
            Ready::End(partition, _) | Ready::Failed(partition, _) => *partition,
        }
    }
}

impl Fetcher {
    /// For who reads on and on.
    pub(super) fn new(cluster: &Cluster, topic: &Topic) -> Self {
        // librdkafka reads only for what could be a group; this one is never joined.
        Fetcher::with(cluster, topic, cluster.settings.reading("seismic-reader"))
    }

    /// For who reads up to an end that is known.
    pub(super) fn back(cluster: &Cluster, topic: &Topic) -> Self {
        Fetcher::with(cluster, topic, cluster.settings.reading_back())
    }

    fn with(cluster: &Cluster, topic: &Topic, config: ClientConfig) -> Self {
        let (cluster, topic) = (cluster.clone(), topic.clone());
        let (next, ready, brokers) = Default::default();
        Fetcher { cluster, topic, config, inbox: None, next, ready, brokers }
    }

    /// Reads these partitions from these offsets on; others stay where they are.
    pub(super) fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        for &(partition, offset) in at {
            check::partition(&self.topic, partition)?;
            self.ready.retain(|ready| ready.partition() != partition);
            self.next.insert(partition, offset);
        }
        self.inbox = None;
        if self.next.len() == at.len() {
            // Nothing that was read before is of any use to who has all of it read again.
            self.brokers.clear();
        }
        if self.next.is_empty() {
            return Ok(());
        }
        let client: BaseConsumer<Quiet> = make_with(&self.config, Quiet)?;
        let inbox = Inbox::new(Arc::new(client));
        let mut all = TopicPartitionList::new();
        let failed = self.cluster.failed("beginning to read");
        for (&partition, offset) in &self.next {
            inbox.lead(&self.topic.name, number(partition));
            let offset = rdkafka::Offset::Offset(offset.0 as i64);
            all.add_partition_offset(&self.topic.name, number(partition), offset)
                .map_err(&failed)?;
        }
        inbox.consumer().assign(&all).map_err(failed)?;
        self.inbox = Some(inbox);
        Ok(())
    }

    /// Reads these no longer.
    pub(super) fn stop(&mut self, partitions: &[Partition]) {
        self.next.retain(|partition, _| !partitions.contains(partition));
        self.ready.retain(|ready| !partitions.contains(&ready.partition()));
        if self.next.is_empty() {
            self.inbox = None;
        }
    }

    /// Which brokers gave what was read, by their numbers.
    pub(super) fn brokers(&self) -> &BTreeSet<i32> {
        &self.brokers
    }

    /// The log's end of a partition, asked now.
    pub(super) fn end(&self, partition: Partition) -> Result<Offset> {
        check::partition(&self.topic, partition)?;
        self.cluster.end(&self.topic.name, partition)
    }

    /// The log's ends of partitions, asked now.
    pub(super) fn ends(&self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.cluster.ends(&self.topic.name, partitions)
    }

    /// Waits up to `wait` for something to give.
    pub(super) fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        if self.ready.is_empty() {
            self.take(wait, spare);
        }
        match self.ready.pop_front() {
            None => Ok(Event::Nothing),
            Some(Ready::Batch(batch)) => Ok(Event::Batch(batch)),
            Some(Ready::End(partition, at)) => Ok(Event::CaughtUp(partition, at)),
            Some(Ready::Failed(partition, code)) => self.failure(partition, code),
        }
    }

    /// Takes what librdkafka has and sorts it by partition.
    fn take(&mut self, wait: Duration, spare: &mut Vec<Batch>) {
        let Fetcher { inbox: Some(inbox), next, ready, brokers, .. } = self else {
            return std::thread::sleep(wait);
        };
        // Nothing comes here but what librdkafka wants to log.
        inbox.consumer().poll(Duration::ZERO);
        let mut filling: Option<Batch> = None;
        inbox.take(wait, |item| match item {
            Item::Message { partition: number, offset, append_ms, key, value, broker } => {
                brokers.insert(broker);
                let (partition, offset) = (partition(number), Offset(offset as u64));
                let Some(next) = next.get_mut(&partition).filter(|next| offset >= **next) else {
                    return;
                };
                let fits = |batch: &Batch| {
                    batch.partition() == partition
                        && (batch.is_empty()
                            || batch.size() + key.len() + value.len() <= limits::BATCH_BYTES)
                };
                if !filling.as_ref().is_some_and(fits) {
                    ready.extend(filling.take().map(Ready::Batch));
                }
                let batch = filling.get_or_insert_with(|| {
                    let mut batch = spare.pop().unwrap_or_default();
                    batch.reset(partition, *next);
                    batch
                });
                batch.push(Message { offset, append_ms, key, value });
                *next = offset.next();
            }
            Item::End { partition: number, offset, broker } => {
                brokers.insert(broker);
                let (partition, offset) = (partition(number), Offset(offset as u64));
                if let Some(next) = next.get_mut(&partition) {
                    *next = offset.max(*next);
                    ready.extend(filling.take().map(Ready::Batch));
                    ready.push_back(Ready::End(partition, *next));
                }
            }
            Item::Error { partition: number, code } => {
                ready.extend(filling.take().map(Ready::Batch));
                ready.push_back(Ready::Failed(partition(number), code));
            }
        });
        ready.extend(filling.map(Ready::Batch));
    }

    /// What an error of a partition means; librdkafka tries again by itself what may pass.
    fn failure(&self, partition: Partition, code: Code) -> Result<Event> {
        let Some(&wanted) = self.next.get(&partition) else { return Ok(Event::Nothing) };
        let topic = self.topic.name.clone();
        match code {
            Code::AutoOffsetReset | Code::OffsetOutOfRange => {
                let span = self.cluster.spans(&self.topic)?[partition.0 as usize];
                let (first, end) = (span.first, span.end);
                if wanted < first {
                    return Err(Error::OffsetGone { topic, partition, wanted, first });
                }
                Err(Error::OffsetBeyond { topic, partition, wanted, end })
            }
            Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition => {
                self.cluster.check(&self.topic)?;
                Ok(Event::Nothing)
            }
            code if may_pass(code) => Ok(Event::Nothing),
            code => Err(self.cluster.failed("reading")(KafkaError::MessageConsumption(code))),
        }
    }
}
