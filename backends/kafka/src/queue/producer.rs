//! The idempotent producer: in order, without gaps, and never given up.
//!
//! A message is durable when all in-sync replicas have it (`acks=all`). One call does not wait
//! forever: after [`limits::APPEND_WAIT`] it says `Busy`, the messages stay on their way, and the
//! same call, repeated, continues to wait for them. What a new process recognises is in
//! `producer_recovery.rs`. The unit is the message: a process that dies leaves a call half done,
//! and the repeated call adds the rest.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::CommitMode;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};

use super::producer_recovery::ProducerRecovery;
use crate::client::cluster::Cluster;
use crate::client::connection::{
    cause_of, connect, is_without_brokers, listen, log, make_with, number,
};
use crate::error_kind::on_topic;
use crate::limits;
use seismic_queue::backend::append_dedup::recognised;
use seismic_queue::backend::validate;
use seismic_queue::{Append, Appended, Error, Offset, Partition, Producer, Result, Topic};

/// A producer of one topic.
pub(crate) struct KafkaProducer {
    cluster: Cluster,
    topic: Topic,
    id: String,
    recovery: ProducerRecovery,
    /// Longest message that the topic takes.
    message_bytes: usize,
    /// `None` before the first append, and after an error that ended the client.
    live: Option<LiveClient>,
    noted: Instant,
}

/// A client and what it was given.
struct LiveClient {
    client: BaseProducer<DeliveryReports>,
    sent_by_partition: BTreeMap<Partition, SentRange>,
}

impl LiveClient {
    /// Looks where the caller said that brokers are, when all others are gone.
    fn look_for_brokers(&self, cluster: &Cluster) {
        if self.client.context().has_lost_brokers() {
            cluster.look_elsewhere(self.client.client());
        }
    }
}

/// One partition.
struct SentRange {
    /// Sequence number of the first message that this client was given.
    first: u64,
    /// The next one that it is given.
    sent: u64,
    /// Messages before this one were said to be durable.
    told: u64,
}

/// What became of messages.
struct DeliveryReports {
    /// Messages that are durable, by partition.
    durable: Vec<AtomicU64>,
    /// End of the log behind the newest of them.
    ends: Vec<AtomicU64>,
    failed: Mutex<Option<KafkaError>>,
    /// All brokers are gone that the client knew of, and nothing was done about it yet.
    is_without_brokers: AtomicBool,
}

impl ClientContext for DeliveryReports {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, text: &str) {
        log(facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
        if is_without_brokers(&error) {
            self.is_without_brokers.store(true, Ordering::Relaxed);
        }
        if error.rdkafka_error_code() == Some(Code::Fatal) {
            self.fail(error);
        }
    }
}

impl ProducerContext for DeliveryReports {
    /// The partition.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, partition: usize) {
        match result {
            Ok(message) => {
                self.durable[partition].fetch_add(1, Ordering::Relaxed);
                let end = u64::try_from(message.offset() + 1).unwrap_or(0);
                self.ends[partition].fetch_max(end, Ordering::Relaxed);
            }
            Err((error, _)) => self.fail(error.clone()),
        }
    }
}

impl DeliveryReports {
    fn new(topic: &Topic) -> DeliveryReports {
        let zeros = || topic.all().map(|_| AtomicU64::new(0)).collect();
        let (failed, is_without_brokers) = (Mutex::new(None), AtomicBool::new(false));
        DeliveryReports { durable: zeros(), ends: zeros(), failed, is_without_brokers }
    }

    fn fail(&self, error: KafkaError) {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Whether the client has lost all brokers since this was asked last.
    fn has_lost_brokers(&self) -> bool {
        self.is_without_brokers.swap(false, Ordering::Relaxed)
    }

    fn failure(&self) -> Option<KafkaError> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KafkaProducer {
    pub(crate) fn new(
        cluster: &Cluster,
        topic: &Topic,
        id: &str,
        message_bytes: usize,
    ) -> Result<KafkaProducer> {
        let recovery = ProducerRecovery::new(cluster, topic, id)?;
        let (cluster, topic, id) = (cluster.clone(), topic.clone(), id.to_owned());
        Ok(KafkaProducer {
            cluster,
            topic,
            id,
            recovery,
            message_bytes,
            live: None,
            noted: Instant::now(),
        })
    }

    fn check_sizes(&self, append: &Append<'_>) -> Result<()> {
        // What a batch of one message adds to it is below this.
        let limit = self.message_bytes.saturating_sub(512);
        for (key, value) in append.block.messages() {
            let size = key.len() + value.len();
            if size > limit {
                return Err(Error::MessageTooLarge { size, limit });
            }
        }
        Ok(())
    }

    /// The client, made if there is none, knowing `partition`.
    fn open(&mut self, partition: Partition) -> Result<&mut LiveClient> {
        validate::partition(&self.topic, partition)?;
        let live = match self.live.take() {
            Some(live) => self.live.insert(live),
            None => {
                self.cluster.find_brokers();
                let config = self.cluster.settings.appending(self.message_bytes);
                let client: BaseProducer<DeliveryReports> =
                    make_with(&config, DeliveryReports::new(&self.topic))?;
                connect(client.client(), &self.topic.name);
                self.live.insert(LiveClient { client, sent_by_partition: BTreeMap::new() })
            }
        };
        if let Entry::Vacant(vacant) = live.sent_by_partition.entry(partition) {
            let next = self.recovery.next_sequence(partition)?;
            vacant.insert(SentRange { first: next, sent: next, told: next });
        }
        Ok(live)
    }

    /// Hands the client what it was not given yet.
    fn send(&mut self, append: &Append<'_>, until: Instant) -> Result<()> {
        let live = self.live.as_mut().expect("it was opened for this partition");
        let sent_range = live.sent_by_partition.get_mut(&append.partition).expect("it was opened");
        let skip = recognised(&self.topic, &self.id, append, sent_range.sent)?;
        for (key, value) in append.block.messages().skip(skip as usize) {
            let mut record =
                BaseRecord::with_opaque_to(&self.topic.name, append.partition.0 as usize)
                    .partition(number(append.partition))
                    .key(key)
                    .payload(value)
                    .headers(self.recovery.header(sent_range.sent));
            loop {
                match live.client.send(record) {
                    Ok(()) => break,
                    Err((KafkaError::MessageProduction(Code::QueueFull), back)) => record = back,
                    Err((error, _)) => return Err(self.fail(error)),
                }
                if Instant::now() > until {
                    return Err(self.busy());
                }
                listen(&live.client);
                if live.client.context().has_lost_brokers() {
                    self.cluster.look_elsewhere(live.client.client());
                }
            }
            sent_range.sent += 1;
        }
        live.client.poll(Duration::ZERO);
        live.look_for_brokers(&self.cluster);
        Ok(())
    }

    /// Waits until everything that was sent is durable.
    fn settle(&mut self, until: Instant) -> Result<()> {
        let live = self.live.as_mut().expect("something was sent");
        loop {
            if let Some(error) = live.client.context().failure() {
                return Err(self.fail(error));
            }
            let durable = &live.client.context().durable;
            let is_durable = |(partition, sent_range): (&Partition, &SentRange)| {
                let acked = durable[partition.0 as usize].load(Ordering::Relaxed);
                sent_range.first + acked >= sent_range.sent
            };
            if live.sent_by_partition.iter().all(is_durable) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(self.busy());
            }
            listen(&live.client);
            live.look_for_brokers(&self.cluster);
        }
    }

    /// Ends the client: what it knew is read back by the next one.
    fn fail(&mut self, error: KafkaError) -> Error {
        let error = match self.live.take() {
            Some(live) => cause_of(&live.client, error),
            None => error,
        };
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge) => {
                let limit = self.message_bytes;
                Error::MessageTooLarge { size: limit, limit }
            }
            Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
                Error::TopicMissing { topic: self.topic.name.clone(), at: self.cluster.at.clone() }
            }
            _ => {
                let needs = vec![on_topic("Write", &self.topic.name)];
                self.cluster.failed_on("appending", needs)(error)
            }
        }
    }

    fn busy(&self) -> Error {
        Error::Busy { at: self.cluster.at.clone(), doing: "appending" }
    }

    /// Notes now and then how far it has come. A note that is not made only makes the next process
    /// read more.
    fn note(&mut self) {
        let Some(live) = self.live.as_ref().filter(|_| self.noted.elapsed() > limits::NOTE_EVERY)
        else {
            return;
        };
        let ends = &live.client.context().ends;
        let sent_by_partition = live
            .sent_by_partition
            .iter()
            .filter(|(_, sent_range)| sent_range.sent > sent_range.first);
        let at: Vec<_> = sent_by_partition
            .map(|(&partition, sent_range)| {
                let end = ends[partition.0 as usize].load(Ordering::Relaxed);
                (partition, Offset(end), sent_range.sent)
            })
            .collect();
        if let Err(error) = self.recovery.note(&at, CommitMode::Async) {
            tracing::debug!("{error}");
        }
        self.noted = Instant::now();
    }
}

impl Producer for KafkaProducer {
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
        let until = Instant::now() + limits::APPEND_WAIT;
        let mut expected: BTreeMap<Partition, u64> = BTreeMap::new();
        let mut appended = Appended::default();
        for append in appends {
            self.check_sizes(append)?;
            let sent_range = &self.open(append.partition)?.sent_by_partition[&append.partition];
            let (sent, told) = (sent_range.sent, sent_range.told);
            let next = expected.entry(append.partition).or_insert(sent);
            let skip = recognised(&self.topic, &self.id, append, *next)?;
            *next += u64::from(append.block.count() - skip);
            let known = told.saturating_sub(append.first_sequence);
            let known = known.min(u64::from(append.block.count()));
            appended.recognised += known;
            appended.written += u64::from(append.block.count()) - known;
        }
        if appends.is_empty() {
            return Ok(appended);
        }
        appends.iter().try_for_each(|append| self.send(append, until))?;
        self.settle(until)?;
        let sent_by_partition =
            self.live.iter_mut().flat_map(|live| live.sent_by_partition.values_mut());
        sent_by_partition.for_each(|sent_range| sent_range.told = sent_range.sent);
        self.note();
        Ok(appended)
    }

    fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
        Ok(self.open(partition)?.sent_by_partition[&partition].sent)
    }
}
