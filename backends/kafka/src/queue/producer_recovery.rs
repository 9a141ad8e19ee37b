//! How far a producer has come, kept in the cluster itself.
//!
//! Kafka knows an idempotent producer only as long as it lives: the next one has another producer
//! id, and what the last one sent without hearing of it may or may not be there. So each message
//! carries a header with the producer's name (a 64-bit hash) and its sequence number, and every
//! second the producer commits, as group `seismic-producer.TOPIC.ID`, an offset and the sequence
//! number that was next when the log had grown that far. The next one reads the partition from
//! there to its end and knows what has arrived.
//!
//! What that cannot do: recognise what is older than the note when the cluster has forgotten it
//! (`offsets.retention.minutes`, 7 days), or keep two processes with one id apart.

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};

use crate::client::cluster::Cluster;
use crate::client::connection::{is_without_brokers, number};
use crate::client::group_client::GroupClient;
use crate::error_kind::{Resource, Right, on_topic};
use crate::limits;
use seismic_queue::{Offset, Partition, Result, Topic};

/// For errors.
const NOTING: &str = "noting how far a producer is";

/// Key of the header.
const HEADER: &str = "s";

/// The note of one producer in one topic.
pub(crate) struct ProducerRecovery {
    cluster: Cluster,
    topic: Topic,
    group: String,
    name: u64,
    client: GroupClient,
}

impl ProducerRecovery {
    pub(crate) fn new(cluster: &Cluster, topic: &Topic, id: &str) -> Result<ProducerRecovery> {
        let group = format!("{}{id}", prefix(topic));
        let mut config = cluster.settings.reading(&group);
        // Someone's open transaction must not hide what lies behind it.
        config.set("isolation.level", "read_uncommitted");
        let client = GroupClient::new(cluster, config)?;
        Ok(ProducerRecovery {
            cluster: cluster.clone(),
            topic: topic.clone(),
            group,
            name: fnv(id),
            client,
        })
    }

    fn needs(&self, right: &'static str) -> Vec<Right> {
        vec![(right, Resource::Group(self.group.clone())), on_topic(right, &self.topic.name)]
    }

    /// The sequence number that comes next in a partition.
    pub(crate) fn next_sequence(&self, partition: Partition) -> Result<u64> {
        let span = self.cluster.spans(&self.topic)?[partition.0 as usize];
        let Some((from, noted)) = self.noted(partition)? else {
            // Before anything is sent: what is sent from now on lies behind the note.
            self.note(&[(partition, span.end, 0)], CommitMode::Sync)?;
            return Ok(0);
        };
        if from.max(span.first) >= span.end {
            return Ok(noted);
        }
        self.scan(partition, from.max(span.first), span.end, noted)
    }

    /// Notes the next sequence number of partitions whose log was this long when it was so.
    pub(crate) fn note(&self, at: &[(Partition, Offset, u64)], mode: CommitMode) -> Result<()> {
        let failed = self.cluster.failed(NOTING);
        let mut notes = TopicPartitionList::new();
        for &(partition, offset, sequence) in at {
            let offset = rdkafka::Offset::Offset(offset.0 as i64);
            let mut note = notes.add_partition(&self.topic.name, number(partition));
            note.set_offset(offset).map_err(&failed)?;
            note.set_metadata(sequence.to_string());
        }
        // What became of the note before, and whether brokers are there.
        self.cluster.hear(&self.client.get().consumer);
        self.cluster.insist_on(NOTING, self.needs("Read"), || {
            let client = self.client.get();
            let done = client.consumer.commit(&notes, mode);
            done.inspect_err(|error| self.client.failed(&client, error))
        })
    }

    /// What was noted last.
    fn noted(&self, partition: Partition) -> Result<Option<(Offset, u64)>> {
        let needs = self.needs("Describe");
        let found = self.cluster.insist_on("asking how far a producer is", needs, || {
            let mut asked = TopicPartitionList::new();
            asked.add_partition(&self.topic.name, number(partition));
            let client = self.client.get();
            let found = client.consumer.committed_offsets(asked, limits::WAIT);
            let found = found.inspect_err(|error| self.client.failed(&client, error))?;
            found.elements().iter().try_for_each(|element| element.error())?;
            Ok(found)
        })?;
        let elements = found.elements();
        let Some(element) = elements.first() else { return Ok(None) };
        Ok(match (element.offset(), element.metadata().parse()) {
            (rdkafka::Offset::Offset(offset), Ok(noted)) => Some((Offset(offset as u64), noted)),
            _ => None,
        })
    }

    /// Reads a partition between two offsets for messages of this producer.
    fn scan(&self, partition: Partition, from: Offset, end: Offset, noted: u64) -> Result<u64> {
        let needs = self.needs("Read");
        let failed = self.cluster.failed_on("reading back what a producer has sent", needs);
        let mut at = TopicPartitionList::new();
        let offset = rdkafka::Offset::Offset(from.0 as i64);
        at.add_partition_offset(&self.topic.name, number(partition), offset).map_err(&failed)?;
        let client = self.client.get();
        client.consumer.assign(&at).map_err(&failed)?;
        let (mut next, mut heard) = (noted, Instant::now());
        loop {
            match client.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    heard = Instant::now();
                    next = self.sequence(&message).map_or(next, |sequence| next.max(sequence + 1));
                    if message.offset() as u64 + 1 >= end.0 {
                        break;
                    }
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if is_without_brokers(&error) => {
                    self.cluster.look_elsewhere(client.consumer.client());
                }
                Some(Err(_)) | None if heard.elapsed() < limits::WAIT => {}
                Some(Err(error)) => return Err(failed(error)),
                None => return Err(failed(KafkaError::Global(Code::OperationTimedOut))),
            }
        }
        client.consumer.unassign().map_err(failed)?;
        Ok(next)
    }

    /// The sequence number of a message, if it is this producer's.
    fn sequence(&self, message: &BorrowedMessage<'_>) -> Option<u64> {
        let headers = message.headers()?;
        let ours = headers.iter().find(|header| header.key == HEADER)?;
        let (name, sequence) = ours.value?.split_at_checked(8)?;
        let number = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).ok();
        number(sequence).filter(|_| number(name) == Some(self.name))
    }

    /// The header of the message with that number.
    pub(crate) fn header(&self, sequence: u64) -> OwnedHeaders {
        let mut value = [0; 16];
        value[..8].copy_from_slice(&self.name.to_be_bytes());
        value[8..].copy_from_slice(&sequence.to_be_bytes());
        OwnedHeaders::new_with_capacity(1).insert(Header { key: HEADER, value: Some(&value) })
    }
}

/// What the groups that note producers of a topic are called; then comes the producer's id.
fn prefix(topic: &Topic) -> String {
    format!("seismic-producer.{}.", topic.name)
}

/// The producer of a topic that a group notes.
pub(super) fn id<'a>(topic: &Topic, group: &'a str) -> Option<&'a str> {
    group.strip_prefix(&prefix(topic))
}

/// FNV-1a, 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>).
fn fnv(text: &str) -> u64 {
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    text.bytes().fold(0xcbf2_9ce4_8422_2325, mix)
}
