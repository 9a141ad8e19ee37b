//! Transactions that are open in a topic: behind the first message of the oldest one no one reads
//! on who reads what is committed.
//!
//! Where it begins is the last stable offset. When it began is the time of the message there. Whose
//! it is the partition's leader knows (`DescribeProducers`, version 0,
//! <https://kafka.apache.org/protocol#The_Messages_DescribeProducers>, Kafka 2.8 and newer).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::{Duration, Instant};

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;

use super::cluster::Cluster;
use super::connection::{Quiet, close, make_with, number, partition};
use crate::limits;
use crate::security::ask;
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::{Offset, OpenTransaction, Partition, Result, Topic, TransactionBehind};

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
                let (topic, behind) = (topic.name.clone(), Vec::new());
                let (since_ms, producer) = (None, None);
                open.push(OpenTransaction {
                    topic,
                    partition,
                    first,
                    end,
                    since_ms,
                    producer,
                    behind,
                });
            }
        }
        Ok(open)
    }

    /// Looks since when transactions of one topic are open, whose they are, and what is open behind
    /// them.
    pub(crate) fn look_at(&self, open: &mut [OpenTransaction]) {
        let Some(topic) = open.first().map(|it| it.topic.clone()) else { return };
        let partitions: Vec<_> = open.iter().map(|it| it.partition).collect();
        let producers = self.producers_of(&topic, &partitions);
        for it in open.iter_mut() {
            let mut active = producers.get(&it.partition).cloned().unwrap_or_default();
            active.sort_by_key(|active| active.first);
            let whose = active.iter().find(|active| active.first == it.first);
            it.producer = whose.map(|active| active.producer);
            let behind = active.iter().filter(|active| active.first > it.first);
            let behind = behind.map(|active| TransactionBehind {
                first: active.first,
                since_ms: None,
                producer: Some(active.producer),
            });
            it.behind = behind.take(limits::TRANSACTIONS_BEHIND).collect();
        }
        // One place of each partition at a time, as a reader has them.
        for round in 0..=limits::TRANSACTIONS_BEHIND {
            let place = |it: &OpenTransaction| match round {
                0 => Some((it.partition, it.first)),
                _ => it.behind.get(round - 1).map(|behind| (it.partition, behind.first)),
            };
            let places: Vec<_> = open.iter().filter_map(place).collect();
            let times = self.append_times(&topic, &places).unwrap_or_default();
            for it in open.iter_mut() {
                let since_ms = times.get(&it.partition).copied();
                match round {
                    0 => it.since_ms = since_ms,
                    _ => it.behind.iter_mut().skip(round - 1).take(1).for_each(|behind| {
                        behind.since_ms = since_ms;
                    }),
                }
            }
        }
    }

    /// The times of the first messages from these offsets on, committed or not, as far as they are
    /// read within [`limits::BROKER_WAIT`] and a moment for each.
    fn append_times(
        &self,
        topic: &str,
        places: &[(Partition, Offset)],
    ) -> Option<BTreeMap<Partition, i64>> {
        let mut found = BTreeMap::new();
        if places.is_empty() {
            return Some(found);
        }
        let mut config = self.settings.reading_back();
        config.set("isolation.level", "read_uncommitted");
        // One message of each is wanted.
        config.set("fetch.message.max.bytes", limits::LOOKED_AT_BYTES.to_string());
        let client: BaseConsumer<Quiet> = make_with(&config, Quiet).ok()?;
        let mut list = TopicPartitionList::new();
        for &(of, at) in places {
            let offset = rdkafka::Offset::Offset(i64::try_from(at.0).ok()?);
            list.add_partition_offset(topic, number(of), offset).ok()?;
        }
        client.assign(&list).ok()?;
        let wait = limits::BROKER_WAIT + limits::LOOKED_AT_WAIT * places.len() as u32;
        let begun = Instant::now();
        while found.len() < places.len() && begun.elapsed() < wait {
            let Some(Ok(message)) = client.poll(Duration::from_millis(100)) else { continue };
            let of = partition(message.partition());
            if let (Entry::Vacant(vacant), Some(time)) =
                (found.entry(of), message.timestamp().to_millis())
            {
                vacant.insert(time);
                let mut done = TopicPartitionList::new();
                done.add_partition(topic, message.partition());
                client.pause(&done).ok()?;
            }
        }
        close(&client);
        Some(found)
    }

    /// Who has transactions in these partitions, as far as their leaders say; one question to each.
    fn producers_of(
        &self,
        topic: &str,
        partitions: &[Partition],
    ) -> BTreeMap<Partition, Vec<ActiveProducer>> {
        let mut found = BTreeMap::new();
        let (Ok(leaders), Some(security)) = (self.leaders(topic), self.security()) else {
            return found;
        };
        let mut led: BTreeMap<i32, Vec<Partition>> = BTreeMap::new();
        for partition in partitions {
            if let Some(&leader) = leaders.of.get(partition) {
                led.entry(leader).or_default().push(*partition);
            }
        }
        for (leader, partitions) in led {
            let Some((host, port)) = leaders.at.get(&leader) else { continue };
            let body = request(topic, &partitions);
            let call = (DESCRIBE_PRODUCERS, 0);
            let answer = ask(&security, (host, *port), limits::BROKER_WAIT, call, &body);
            found.extend(answer.ok().and_then(|answer| producers(&answer)).unwrap_or_default());
        }
        found
    }
}

/// A producer with a transaction in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ActiveProducer {
    producer: i64,
    first: Offset,
}

fn request(topic: &str, partitions: &[Partition]) -> Vec<u8> {
    let mut to = vec![0]; // No tagged fields of the head.
    to.push(2); // One topic.
    put_length(&mut to, topic.len());
    to.extend(topic.as_bytes());
    put_length(&mut to, partitions.len());
    for partition in partitions {
        to.extend(partition.0.to_be_bytes());
    }
    to.extend([0, 0]); // No tagged fields.
    to
}

/// A length as the protocol has it: one more, in groups of seven bits.
fn put_length(to: &mut Vec<u8>, length: usize) {
    let mut length = length + 1;
    while length >= 0x80 {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
}

/// Reads the answer about partitions of one topic, behind the number of the question.
fn producers(answer: &[u8]) -> Option<BTreeMap<Partition, Vec<ActiveProducer>>> {
    let mut rest = Bytes(answer);
    tags(&mut rest)?;
    let _throttled_ms = rest.i32()?;
    if rest.uvarint()? != 2 {
        return None;
    }
    text(&mut rest)?;
    let mut all = BTreeMap::new();
    for _ in 1..rest.uvarint()? {
        let (partition, error) = (rest.i32()?, rest.i16()?);
        text(&mut rest)?;
        let mut found = Vec::new();
        for _ in 1..rest.uvarint()? {
            let (producer, _epoch, _sequence) = (rest.i64()?, rest.i32()?, rest.i32()?);
            let (_last_ms, _coordinator, first) = (rest.i64()?, rest.i32()?, rest.i64()?);
            tags(&mut rest)?;
            // One without a transaction has a negative number.
            if let Ok(first) = u64::try_from(first) {
                found.push(ActiveProducer { producer, first: Offset(first) });
            }
        }
        tags(&mut rest)?;
        if error == 0 {
            all.insert(Partition(u32::try_from(partition).ok()?), found);
        }
    }
    Some(all)
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
    fn an_answer_names_the_producers_of_each_partition() {
        let mut bytes = vec![0, 0, 0, 0, 0, 2, 2, b't', 4];
        let of = |bytes: &mut Vec<u8>, partition: u8, error: u8, all: &[(i64, i64)]| {
            bytes.extend([0, 0, 0, partition, 0, error, 0, all.len() as u8 + 1]);
            for (producer, first) in all {
                bytes.extend(producer.to_be_bytes());
                bytes.extend([0; 20]);
                bytes.extend(first.to_be_bytes());
                bytes.push(0);
            }
            bytes.push(0);
        };
        of(&mut bytes, 3, 0, &[(7, 5), (9, -1), (8, 6)]);
        of(&mut bytes, 4, 6, &[]);
        of(&mut bytes, 5, 0, &[]);
        bytes.extend([0, 0]);
        let active = |producer, first| ActiveProducer { producer, first: Offset(first) };
        let all = [(Partition(3), vec![active(7, 5), active(8, 6)]), (Partition(5), vec![])];
        assert_eq!(producers(&bytes).unwrap(), BTreeMap::from(all));
        assert!(producers(&bytes[..40]).is_none());
    }

    #[test]
    fn a_question_may_be_about_hundreds_of_partitions() {
        let all: Vec<_> = (0..256).map(Partition).collect();
        let asked = request("t", &all);
        assert_eq!(asked[..6], [0, 2, 2, b't', 0x81, 2]);
        assert_eq!(asked.len(), 6 + 256 * 4 + 2);
    }
}
