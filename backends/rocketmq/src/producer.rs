//! Appends messages in batches: one in flight per queue, while the next one is encoded.
//!
//! There are never two for the same queue: the first could be refused and the second stored, and
//! then a message behind the gap would suggest that all before it are stored. All queues are
//! written in parallel.
//!
//! A send of unknown outcome is not repeated before the tail of the partition was read: then it is
//! known how much was stored, and only the rest is sent. A send that is stored even later is a
//! repeat, which readers skip (`repeats/`). A send that a broker refuses as busy was not stored.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use crate::client;
use crate::connection::Answer;
use crate::error::Error as RocketError;
use crate::limits;
use crate::producer_recovery;
use crate::protocol::batch::{Batch, check_size};
use crate::protocol::properties::is_clean;
use crate::protocol::unique_id::UniqueIds;
use crate::repeats::send_marks;
use crate::topic::TopicQueues;
use seismic_queue::backend::validate;
use seismic_queue::{Append, Appended, Error, Offset, Partition, Producer, Result, clock};

/// A producer of one topic.
#[derive(Debug)]
pub(crate) struct RocketProducer {
    log: TopicQueues,
    id: String,
    ids: UniqueIds,
    /// What each partition expects. One that is not in it must be asked for.
    next: BTreeMap<Partition, ProducerPosition>,
    /// When the outcome of a send was last unknown.
    in_doubt: Option<Instant>,
}

/// Where a producer is in a partition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProducerPosition {
    /// Sequence number that is expected.
    pub(crate) next: u64,
    /// Before this offset all that is this producer's is known: there is nothing from `next` on.
    pub(crate) after: Offset,
}

impl ProducerPosition {
    /// Where it is after a send that landed at an offset.
    pub(crate) fn acknowledged(self, next: u64, at: Offset, count: u32) -> Self {
        // Where others wrote in between, something of a predecessor may have landed too. Readers do
        // not search farther back than that.
        let is_all_known = at == self.after || at.0 >= self.after.0 + limits::TAIL_MESSAGES;
        let after = if is_all_known { Offset(at.0 + u64::from(count)) } else { self.after };
        ProducerPosition { next, after }
    }
}

/// A batch that is encoded and not sent.
struct Encoded {
    batch: Batch,
    /// When it was made, ms since 1970 UTC.
    made_ms: i64,
    /// Sequence number after its last message, and how many it has.
    next: u64,
    count: u32,
}

/// A send on its way.
struct Sent {
    opaque: i32,
    at: String,
    partition: Partition,
    next: u64,
    count: u32,
}

/// What is to be sent to one partition: its messages without those that are there already.
struct Due<'a> {
    partition: Partition,
    next: u64,
    messages: Vec<(&'a [u8], &'a [u8])>,
    /// How many of them are encoded.
    done: usize,
    /// The batch that goes out next.
    ready: Option<Encoded>,
}

impl RocketProducer {
    /// # Errors
    /// [`Error::Name`] when `id` cannot be the property of a message.
    pub(crate) fn new(log: TopicQueues, id: &str) -> Result<Self> {
        if !is_clean(id.as_bytes()) || id.len() > limits::PROPERTY_BYTES / 4 {
            let why = "it cannot name a producer in RocketMQ";
            return Err(Error::Name { name: id.to_owned(), why });
        }
        Ok(RocketProducer {
            log,
            id: id.to_owned(),
            ids: UniqueIds::new(),
            next: BTreeMap::new(),
            in_doubt: None,
        })
    }

    /// Leaves out what is there already, and refuses what cannot follow, before anything is sent.
    fn due<'a>(&mut self, appends: &[Append<'a>]) -> Result<(Vec<Due<'a>>, u64)> {
        let mut recognised = 0;
        let mut due: Vec<Due<'a>> = Vec::new();
        for append in appends {
            let partition = append.partition;
            let known = due.iter_mut().find(|due| due.partition == partition);
            let expected = match &known {
                Some(due) => due.next + due.messages.len() as u64,
                None => self.next_sequence(partition)?,
            };
            let found = append.first_sequence;
            let Some(skip) = expected.checked_sub(found) else {
                let (producer, topic) = (self.id.clone(), self.log.topic.name.clone());
                return Err(Error::SequenceGap { producer, topic, partition, expected, found });
            };
            let count = u64::from(append.block.count());
            recognised += skip.min(count);
            let messages = append.block.messages().skip(skip.min(count) as usize);
            let messages: Vec<_> = messages.collect();
            messages.iter().try_for_each(|(key, value)| check_size(key, value))?;
            match known {
                Some(due) => due.messages.extend(messages),
                None => due.push(Due { partition, next: expected, messages, done: 0, ready: None }),
            }
        }
        Ok((due, recognised))
    }

    /// Encodes the next batch of one partition, if there is something left and it is not done yet.
    fn encode(&mut self, due: &mut Due<'_>) -> Result<()> {
        let rest = &due.messages[due.done..];
        if due.ready.is_some() || rest.is_empty() {
            return Ok(());
        }
        let made_ms = clock::now_ms();
        let (bytes, count) = fitting(rest);
        let first = self.ids.next(count, made_ms);
        let sequence = due.next + due.done as u64;
        let from = send_marks::from(&self.id, sequence);
        // One that is encoded while the send before it is under way says what was known before
        // that.
        let after = self.next.get(&due.partition).map_or(0, |place| place.after.0).to_string();
        let mut batch = Batch::with_capacity(bytes);
        for (n, message) in (0..).zip(&rest[..count as usize]) {
            let marks = [(send_marks::FROM, &*from), (send_marks::AFTER, &*after)];
            let more: &[_] = if n == 0 { &marks } else { &[] };
            batch.push(*message, first.plus(n), more)?;
        }
        due.done += count as usize;
        due.ready = Some(Encoded { batch, made_ms, next: sequence + u64::from(count), count });
        Ok(())
    }

    /// Sends what is encoded for one partition.
    fn send(&mut self, partition: Partition, ready: Encoded, to: &Sender<Answer>) -> Result<Sent> {
        let (place, at) = self.log.place(partition)?;
        let Encoded { batch, made_ms, next, count } = ready;
        let request = client::send(&self.log.topic.name, &place, made_ms, batch);
        let opaque = self.log.client.connection(&at)?.send(request, to)?;
        Ok(Sent { opaque, at, partition, next, count })
    }

    /// Takes note of how a send ended.
    fn settle(&mut self, sent: &Sent, outcome: crate::error::Result<u64>) -> Result<()> {
        match outcome {
            Ok(offset) => {
                let place = self.next.entry(sent.partition).or_default();
                *place = place.acknowledged(sent.next, Offset(offset), sent.count);
                Ok(())
            }
            Err(error) => {
                if error.is_outcome_unknown() {
                    self.doubt(sent.partition);
                }
                Err(error.into())
            }
        }
    }

    fn doubt(&mut self, partition: Partition) {
        self.next.remove(&partition);
        self.in_doubt = Some(Instant::now());
    }

    /// Sends to every partition that waits for no answer, and has the next batch of each ready.
    fn send_due(
        &mut self,
        due: &mut [Due<'_>],
        on_the_way: &mut Vec<Sent>,
        to: &Sender<Answer>,
    ) -> Result<()> {
        for due in &mut *due {
            if on_the_way.iter().any(|sent| sent.partition == due.partition) {
                continue;
            }
            self.encode(due)?;
            if let Some(ready) = due.ready.take() {
                on_the_way.push(self.send(due.partition, ready, to)?);
            }
        }
        due.iter_mut().try_for_each(|due| self.encode(due))
    }

    /// Sends all that is due, each partition's batches one after the other, partitions side by
    /// side. The first error ends it, once all that is on its way has come to an end.
    fn send_all(&mut self, mut due: Vec<Due<'_>>) -> Result<u64> {
        let (to, answers) = mpsc::channel();
        let mut on_the_way: Vec<Sent> = Vec::new();
        let (mut written, mut failed) = (0, None);
        loop {
            if failed.is_none() {
                failed = self.send_due(&mut due, &mut on_the_way, &to).err();
            }
            if on_the_way.is_empty() {
                break;
            }
            match answers.recv_timeout(limits::CALL) {
                Ok(Answer { opaque, outcome }) => {
                    let Some(i) = on_the_way.iter().position(|sent| sent.opaque == opaque) else {
                        continue;
                    };
                    let sent = on_the_way.swap_remove(i);
                    let before = self.next.get(&sent.partition).map_or(0, |place| place.next);
                    let outcome = outcome.and_then(|frame| client::sent(&sent.at, frame));
                    match self.settle(&sent, outcome) {
                        Ok(()) => written += sent.next - before,
                        Err(error) => failed = Some(error),
                    }
                }
                Err(_) => {
                    failed = Some(self.give_up(std::mem::take(&mut on_the_way)));
                }
            }
        }
        match failed {
            None => Ok(written),
            Some(error) => {
                self.log.refresh();
                Err(error)
            }
        }
    }

    /// Nothing came in time: the outcome of everything on its way is unknown.
    fn give_up(&mut self, on_the_way: Vec<Sent>) -> Error {
        let mut last = String::new();
        for sent in on_the_way {
            self.log.client.lose(&sent.at, "a send was not answered in time");
            self.doubt(sent.partition);
            last = sent.at;
        }
        let seconds = limits::CALL.as_secs();
        RocketError::Silent { at: last, doing: "a send", seconds }.into()
    }
}

/// How many of the messages go into one batch, at least one, and about how many bytes that makes.
fn fitting(messages: &[(&[u8], &[u8])]) -> (usize, u32) {
    let (mut bytes, mut count) = (0, 0);
    for (key, value) in messages.iter().take(limits::SEND_MESSAGES) {
        let size = key.len() + value.len() + 128;
        if count > 0 && bytes + size > limits::SEND_BYTES {
            break;
        }
        (bytes, count) = (bytes + size, count + 1);
    }
    (bytes, count)
}

impl Producer for RocketProducer {
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
        let (due, recognised) = self.due(appends)?;
        let written = self.send_all(due)?;
        Ok(Appended { written, recognised })
    }

    fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
        validate::partition(&self.log.topic, partition)?;
        if let Some(place) = self.next.get(&partition) {
            return Ok(place.next);
        }
        if let Some(since) = self.in_doubt {
            thread::sleep(limits::SETTLE.saturating_sub(since.elapsed()));
        }
        let (next, after) = producer_recovery::next_sequence(&mut self.log, partition, &self.id)?;
        self.next.insert(partition, ProducerPosition { next, after });
        Ok(next)
    }
}
