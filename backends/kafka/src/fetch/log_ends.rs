//! Asks leaders where their logs end: behind everything that they have appended, also what cannot be
//! read yet, since other replicas do not have it.
//!
//! A consumer is told the end of what can be read (the high watermark). That says nothing about a
//! sensor's silence: its record may lie behind it, with a time of before. So the question is asked
//! as a replica asks it (`ListOffsets`, version 2,
//! <https://kafka.apache.org/protocol#The_Messages_ListOffsets>). It needs the right that consumers
//! need, and goes over connections of its own: those that fetch have a long poll under way.

use std::collections::BTreeMap;
use std::io;
use std::sync::mpsc::TryRecvError;
use std::time::Instant;

use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use super::Fetch;
use super::broker::{Broker, ConnectionState, wait};
use super::connection::{self, BrokerConnection, RequestInFlight};
use super::error_code::{code, is_moved};
use super::exchange::invalid;
use crate::client::connection::{number, partition};
use crate::limits;
use crate::wire::{framed, head, is_fetch_spoken, string};
use seismic_queue::backend::byte_reader::Bytes;
use seismic_queue::{Error, Offset, Partition, Result};

const LIST_OFFSETS: (i16, i16) = (2, 2);

/// Who asks: a replica without a number. Consumers (-1) are told what they can read; debuggers (-2)
/// are answered by followers too.
const REPLICA: i32 = -3;

/// The time that means the end of a log.
const LATEST: i64 = -1;

/// What a question does.
const DOING: &str = "asking leaders for the ends of their logs";

/// What was answered about partitions.
type Ends = Vec<(Partition, std::result::Result<Offset, Code>)>;

impl Fetch {
    /// The end of each log at its leader, asked within [`limits::END_WAIT`]. Of what is not fetched,
    /// the end of what can be read.
    pub(crate) fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        let is_fetched = |partition: &Partition| self.cursors.contains_key(partition);
        let (fetched, other): (Vec<_>, Vec<_>) = partitions.iter().copied().partition(is_fetched);
        let mut found = BTreeMap::new();
        if !other.is_empty() {
            let ends = self.cluster.ends(&self.topic.name, &other);
            found.extend(other.into_iter().zip(ends));
        }
        for (partition, end) in self.ask_leaders(&fetched) {
            if end.is_err_and(is_moved)
                && let Some(cursor) = self.cursors.get_mut(&partition)
            {
                cursor.leader = None;
            }
            let failed = self.cluster.failed(DOING);
            found.insert(partition, end.map_err(|code| failed(KafkaError::OffsetFetch(code))));
        }
        let busy = || Error::Busy { at: self.cluster.at.clone(), doing: DOING };
        let end = |partition| found.remove(partition).unwrap_or_else(|| Err(busy()));
        partitions.iter().map(end).collect()
    }

    /// What leaders answer in time, each about all that it leads.
    fn ask_leaders(&mut self, partitions: &[Partition]) -> Ends {
        let began = Instant::now();
        // Who reads nothing meanwhile, since it wants to know the ends first, asks again.
        self.refresh_leaders(began);
        let mut asked: BTreeMap<i32, Vec<Partition>> = BTreeMap::new();
        for partition in partitions {
            if let Some(leader) = self.cursors.get(partition).and_then(|cursor| cursor.leader) {
                asked.entry(leader).or_default().push(*partition);
            }
        }
        self.connect(&asked, began);
        // One that has failed has its rest first.
        asked.retain(|id, _| self.asked.get(id).is_some_and(|broker| !broker.is_closed()));
        let mut ends = Ends::new();
        loop {
            let mut is_awaited = false;
            for (id, broker) in &mut self.asked {
                let Some(partitions) = asked.get(id) else { continue };
                let answer = match self.settings.ask(broker, &self.topic.name, partitions) {
                    Ok(None) => {
                        is_awaited |= !broker.is_closed();
                        continue;
                    }
                    Ok(Some(answer)) => {
                        broker.backoff.reset();
                        answer
                    }
                    Err(error) => {
                        tracing::debug!("broker {id} does not say where logs end: {error}");
                        broker.connection = ConnectionState::Closed;
                        continue;
                    }
                };
                ends.extend(answer);
                asked.remove(id);
            }
            let waited = began.elapsed();
            if !is_awaited || waited >= limits::END_WAIT {
                break;
            }
            wait(self.asked.values(), limits::END_WAIT - waited);
        }
        // An answer that is late is to an old question, and someone else may lead by now.
        for id in asked.keys() {
            if let Some(broker) = self.asked.get_mut(id) {
                broker.lose(began);
            }
            for cursor in self.cursors.values_mut().filter(|cursor| cursor.leader == Some(*id)) {
                cursor.leader = None;
            }
        }
        ends
    }

    /// Opens connections to these, where there is none and one may be tried.
    fn connect(&mut self, asked: &BTreeMap<i32, Vec<Partition>>, now: Instant) {
        self.asked.retain(|id, _| asked.contains_key(id));
        for id in asked.keys() {
            let Some(address) = self.brokers.get(id).map(|broker| &broker.address) else {
                continue;
            };
            let broker = self.asked.entry(*id).or_default();
            let is_over = matches!(&broker.connection, ConnectionState::Open(link)
                if link.renew_at.is_some_and(|at| now >= at));
            if broker.address != *address {
                *broker = Broker { address: address.clone(), ..Broker::default() };
            } else if is_over {
                broker.connection = ConnectionState::Closed;
            }
            if broker.is_closed() && broker.backoff.is_over(now) {
                broker.connection = match self.cluster.idle.take(address) {
                    Some(connection) => ConnectionState::Open(connection),
                    None => {
                        let (settings, security) = (&self.settings, &self.security);
                        let opened = connection::open(address.clone(), settings, security);
                        ConnectionState::Opening(opened)
                    }
                };
            }
        }
    }
}

impl super::eligibility::FetchSettings {
    /// Does what there is to be done for a question to this broker; its answer, when it is there.
    fn ask(
        &self,
        broker: &mut Broker,
        topic: &str,
        partitions: &[Partition],
    ) -> io::Result<Option<Ends>> {
        let link = match &mut broker.connection {
            ConnectionState::Closed => return Ok(None),
            ConnectionState::Open(link) => link,
            ConnectionState::Opening(opened) => match opened.try_recv() {
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(io::ErrorKind::NotConnected.into()),
                Ok(Err(error)) => return Err(io::Error::other(error.to_string())),
                Ok(Ok(opened)) => {
                    broker.connection = ConnectionState::Open(self.handshake(opened));
                    return self.ask(broker, topic, partitions);
                }
            },
        };
        loop {
            if link.is_version_known && link.in_flight.is_none() {
                let number = link.number();
                link.send(&question(number, &self.client, topic, partitions));
                link.in_flight = Some(RequestInFlight { number, at: Vec::new() });
            }
            link.work(limits::END_WAIT)?;
            let Some(frame) = link.frame() else { return Ok(None) };
            if link.is_version_known {
                return self.answer(link).map(Some);
            }
            if is_fetch_spoken(frame) != Some(true) {
                return Err(invalid("a broker that does not speak our version"));
            }
            link.is_version_known = true;
            link.discard_frame();
        }
    }

    fn answer(&self, link: &mut BrokerConnection) -> io::Result<Ends> {
        let answer = link.frame().and_then(parse);
        let request = link.in_flight.take();
        link.discard_frame();
        match (answer, request) {
            (Some((number, ends)), Some(request)) if number == request.number => Ok(ends),
            _ => Err(invalid("an answer that is none")),
        }
    }
}

fn question(of: i32, client: &str, topic: &str, partitions: &[Partition]) -> Vec<u8> {
    framed(|to| {
        head(to, LIST_OFFSETS.0, LIST_OFFSETS.1, of, client);
        to.extend(REPLICA.to_be_bytes());
        to.push(0); // What a consumer may read does not matter.
        to.extend(1_i32.to_be_bytes());
        string(to, topic);
        to.extend((partitions.len() as i32).to_be_bytes());
        for &partition in partitions {
            to.extend(number(partition).to_be_bytes());
            to.extend(LATEST.to_be_bytes());
        }
    })
}

/// Reads an answer about one topic: its number, and what it says; `None` when it is none.
pub(super) fn parse(frame: &[u8]) -> Option<(i32, Ends)> {
    let mut rest = Bytes(frame);
    let (of, _throttled_ms, topics) = (rest.i32()?, rest.i32()?, rest.i32()?);
    let mut ends = Ends::new();
    for _ in 0..topics {
        let length = usize::try_from(rest.i16()?).ok()?;
        rest.take(length)?;
        for _ in 0..rest.i32()? {
            let (of, error) = (rest.i32()?, rest.i16()?);
            let (_time, end) = (rest.i64()?, rest.i64()?);
            let end = match u64::try_from(end) {
                _ if error != 0 => Err(code(error)),
                Ok(end) => Ok(Offset(end)),
                // Nothing is known of it.
                Err(_) => Err(Code::OffsetNotAvailable),
            };
            if of >= 0 {
                ends.push((partition(of), end));
            }
        }
    }
    Some((of, ends))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An answer as a broker writes it.
    fn frame(of: i32, ends: &[(i32, i16, i64)]) -> Vec<u8> {
        let mut to = [of.to_be_bytes(), [0; 4], 1_i32.to_be_bytes()].concat();
        string(&mut to, "quakes");
        to.extend((ends.len() as i32).to_be_bytes());
        for (partition, error, end) in ends {
            to.extend(partition.to_be_bytes());
            to.extend(error.to_be_bytes());
            to.extend([LATEST.to_be_bytes(), end.to_be_bytes()].concat());
        }
        to
    }

    #[test]
    fn an_answer_has_an_end_or_an_error_for_each_partition() {
        let frame = frame(7, &[(0, 0, 12), (3, 6, -1), (4, 0, -1)]);
        let ends = vec![
            (Partition(0), Ok(Offset(12))),
            (Partition(3), Err(Code::NotLeaderForPartition)),
            (Partition(4), Err(Code::OffsetNotAvailable)),
        ];
        assert_eq!(parse(&frame), Some((7, ends)));
    }

    #[test]
    fn a_question_names_the_topic_and_each_partition() {
        let frame = question(9, "me", "quakes", &[Partition(2), Partition(5)]);
        let (length, body) = frame.split_at(4);
        assert_eq!(length, (body.len() as u32).to_be_bytes());
        let expected = [
            &[0, 2, 0, 2, 0, 0, 0, 9, 0, 2, b'm', b'e'][..],
            &[0xff, 0xff, 0xff, 0xfd, 0, 0, 0, 0, 1, 0, 6],
            b"quakes",
            &[0, 0, 0, 2, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ];
        assert_eq!(body, expected.concat());
    }

    proptest! {
        #[test]
        fn random_bytes_are_read_without_harm(
            bytes: Vec<u8>, cut in 0.0..1.0f64, at: usize, byte: u8,
        ) {
            let _ = parse(&bytes);
            let mut frame = frame(1, &[(0, 0, 12), (1, 6, -1)]);
            let length = (frame.len() as f64 * cut) as usize;
            prop_assert_eq!(parse(&frame[..length]), None);
            let length = frame.len();
            frame[at % length] = byte;
            let _ = parse(&frame);
        }
    }
}
