//! Transactions that are open in a topic: behind the first message of the oldest one no one reads
//! on who reads what is committed.
//!
//! Where it begins is the last stable offset. When it began is the time of the message there. Whose
//! it is the partition's leader knows (`DescribeProducers`, version 0,
//! <https://kafka.apache.org/protocol#The_Messages_DescribeProducers>, Kafka 2.8 and newer).

use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;

use super::cluster::Cluster;
use super::connection::{Quiet, close, make_with, number};
use crate::limits;
use crate::security::ask;
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::{Offset, OpenTransaction, Partition, Result, Topic};

const DESCRIBE_PRODUCERS: i16 = 61;

impl Cluster {
    /// The oldest open transaction of each partition that has one.
    pub(crate) fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        // The end later: a transaction that is over by then held nothing back when it was asked for.
        let settled = self.settled_ends_now(topic)?;
        let ends = self.ends(&topic.name, &topic.all().collect::<Vec<_>>());
        let mut open = Vec::new();
        for ((partition, first), end) in topic.all().zip(settled).zip(ends) {
            let end = end?;
            if first < end {
                let (topic, since_ms, producer) = (topic.name.clone(), None, None);
                open.push(OpenTransaction { topic, partition, first, end, since_ms, producer });
            }
        }
        Ok(open)
    }

    /// Looks since when a transaction is open, and whose it is.
    pub(crate) fn look_at(&self, open: &mut OpenTransaction) {
        open.since_ms = self.append_ms(&open.topic, open.partition, open.first);
        open.producer = self.producer_at(&open.topic, open.partition, open.first);
    }

    /// The time of the first message from an offset on, committed or not.
    fn append_ms(&self, topic: &str, partition: Partition, at: Offset) -> Option<i64> {
        let mut config = self.settings.reading_back();
        config.set("isolation.level", "read_uncommitted");
        let client: BaseConsumer<Quiet> = make_with(&config, Quiet).ok()?;
        let mut place = TopicPartitionList::new();
        let offset = rdkafka::Offset::Offset(i64::try_from(at.0).ok()?);
        place.add_partition_offset(topic, number(partition), offset).ok()?;
        client.assign(&place).ok()?;
        let begun = Instant::now();
        let mut found = None;
        while found.is_none() && begun.elapsed() < limits::BROKER_WAIT {
            if let Some(Ok(message)) = client.poll(Duration::from_millis(100)) {
                found = message.timestamp().to_millis();
            }
        }
        close(&client);
        found
    }

    /// Who began the transaction whose first message has that offset; `None` where no one says.
    fn producer_at(&self, topic: &str, partition: Partition, first: Offset) -> Option<i64> {
        let leaders = self.leaders(topic).ok()?;
        let (host, port) = leaders.at.get(leaders.of.get(&partition)?)?;
        let security = self.security()?;
        let body = request(topic, partition);
        let call = (DESCRIBE_PRODUCERS, 0);
        let answer = ask(&security, (host, *port), limits::BROKER_WAIT, call, &body).ok()?;
        let first = i64::try_from(first.0).ok()?;
        producers(&answer)?.into_iter().find(|it| it.first == first).map(|it| it.producer)
    }
}

/// A producer with a transaction in a partition.
struct ActiveProducer {
    producer: i64,
    first: i64,
}

fn request(topic: &str, partition: Partition) -> Vec<u8> {
    let mut to = vec![0]; // No tagged fields of the head.
    to.push(2); // One topic.
    let mut length = topic.len() + 1;
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend(topic.as_bytes());
    to.push(2); // One partition.
    to.extend(partition.0.to_be_bytes());
    to.extend([0, 0]); // No tagged fields.
    to
}

/// Reads the answer about one partition, behind the number of the question.
fn producers(answer: &[u8]) -> Option<Vec<ActiveProducer>> {
    let mut rest = Bytes(answer);
    tags(&mut rest)?;
    let _throttled_ms = rest.i32()?;
    if rest.uvarint()? != 2 {
        return None;
    }
    text(&mut rest)?;
    if rest.uvarint()? != 2 {
        return None;
    }
    let (_partition, error) = (rest.i32()?, rest.i16()?);
    text(&mut rest)?;
    if error != 0 {
        return None;
    }
    let mut found = Vec::new();
    for _ in 1..rest.uvarint()? {
        let (producer, _epoch, _sequence) = (rest.i64()?, rest.i32()?, rest.i32()?);
        let (_last_ms, _coordinator, first) = (rest.i64()?, rest.i32()?, rest.i64()?);
        tags(&mut rest)?;
        found.push(ActiveProducer { producer, first });
    }
    Some(found)
}

/// A text that may be missing.
fn text(rest: &mut Bytes<'_>) -> Option<()> {
    let length = usize::try_from(rest.uvarint()?).ok()?.saturating_sub(1);
    rest.take(length).map(drop)
}

fn tags(rest: &mut Bytes<'_>) -> Option<()> {
    for _ in 0..rest.uvarint()? {
        rest.uvarint()?;
        let length = usize::try_from(rest.uvarint()?).ok()?;
        rest.take(length)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_answer_is_read_without_harm(bytes: Vec<u8>) {
            let _ = producers(&bytes);
        }
    }

    #[test]
    fn an_answer_names_the_producer_of_each_transaction() {
        let mut bytes = vec![0, 0, 0, 0, 0, 2, 2, b't', 2, 0, 0, 0, 3, 0, 0, 0, 3];
        for (producer, first) in [(7_i64, 5_i64), (9, -1)] {
            bytes.extend(producer.to_be_bytes());
            bytes.extend([0; 8]);
            bytes.extend([0; 12]);
            bytes.extend(first.to_be_bytes());
            bytes.push(0);
        }
        bytes.extend([0, 0, 0]);
        let found = producers(&bytes).unwrap();
        let all: Vec<_> = found.iter().map(|it| (it.producer, it.first)).collect();
        assert_eq!(all, [(7, 5), (9, -1)]);
        assert!(producers(&bytes[..40]).is_none());
    }
}
