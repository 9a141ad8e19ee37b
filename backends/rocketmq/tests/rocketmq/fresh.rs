//! A queue of its own for each test, on a broker that they share: every name has a prefix.
//!
//! Answers of a broker take a moment, so a reader waits a little even where a check does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use seismic_brokers::RocketMq;
use seismic_queue::conformance::Backend;
use seismic_queue::memory::MemoryStore;
use seismic_queue::{
    AppendTimes, Batch, Diagnose, Event, FencingToken, Finding, HeldBack, Hold, ImportLog,
    JobStore, KnownProducers, Member, Need, Offset, OpenTransaction, Partition, Policy, Producer,
    Queue, Reader, Result, Retained, Retention, Source, Span, Topic,
};
use seismic_rocketmq::{Nameservers, RocketQueue};

/// What a broker needs at most on a busy machine to answer what it knows.
const ANSWER: Duration = Duration::from_secs(2);

/// A part of the shared broker.
pub struct Fresh {
    pub rocketmq: Arc<RocketMq>,
    prefix: String,
}

impl Fresh {
    /// `None` where no broker can be started, after saying so.
    pub fn new() -> Option<Fresh> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let rocketmq = RocketMq::shared()?;
        let prefix = format!("x{}-", COUNT.fetch_add(1, Ordering::Relaxed));
        Some(Fresh { rocketmq, prefix })
    }

    /// The queue without the prefix and the patience.
    pub fn bare(&self) -> RocketQueue {
        RocketQueue::open(&Nameservers::one(&self.rocketmq.address())).unwrap()
    }
}

impl Backend for Fresh {
    fn queue(&self) -> Box<dyn Queue> {
        Box::new(Prefixed { queue: self.bare(), prefix: self.prefix.clone() })
    }

    fn store(&self) -> Box<dyn JobStore> {
        Box::new(MemoryStore::named(&self.prefix))
    }

    fn break_lock(&self) {
        unreachable!("RocketMQ is no store")
    }

    fn damage(&self, _: Partition, _: u64) {
        unreachable!("RocketMQ is no store")
    }
}

struct Prefixed {
    queue: RocketQueue,
    prefix: String,
}

impl Prefixed {
    fn name_of(&self, name: &str) -> String {
        // What may not be a name must stay one that may not be.
        format!("{}{name}", self.prefix)
    }

    fn inner(&self, topic: &Topic) -> Topic {
        Topic { name: self.name_of(&topic.name), ..topic.clone() }
    }

    fn outer(&self, topic: Topic) -> Topic {
        let name = topic.name.strip_prefix(&self.prefix).unwrap_or(&topic.name).to_owned();
        Topic { name, ..topic }
    }
}

impl Queue for Prefixed {
    fn name(&self) -> String {
        self.queue.name()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        let mut topics = self.queue.topics()?;
        topics.retain(|topic| topic.name.starts_with(&self.prefix));
        Ok(topics.into_iter().map(|topic| self.outer(topic)).collect())
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.queue.topic(&self.name_of(name)).map(|topic| self.outer(topic))
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.queue.create(&self.name_of(name), partitions).map(|topic| self.outer(topic))
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.queue.spans(&self.inner(topic))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        self.queue.offset_at(&self.inner(topic), partition, time_ms)
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.queue.producer(&self.inner(topic), id)
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        Ok(Box::new(Patient(self.queue.reader(&self.inner(topic), at)?)))
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        Ok(Box::new(Patient(self.queue.source(&self.inner(topic), partitions)?)))
    }

    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>> {
        self.queue.member(&self.inner(topic), member)
    }

    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        self.queue.known_producers(&self.inner(topic))
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.queue.import_log(&self.inner(topic))
    }
}

impl Retention for Prefixed {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.queue.hold(&self.inner(topic), holder, at)
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.queue.holds(&self.inner(topic))
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.queue.policy(&self.inner(topic))
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.queue.set_policy(&self.inner(topic), policy)
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        self.queue.held(&self.inner(topic))
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        self.queue.retain(&self.inner(topic), past_holds)
    }

    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()> {
        self.queue.trim(&self.inner(topic), below)
    }
}

impl Diagnose for Prefixed {
    fn check_place(&self) -> Result<()> {
        self.queue.check_place()
    }

    fn check_topic(&self, topic: &Topic) -> Result<()> {
        self.queue.check_topic(&self.inner(topic))
    }

    fn append_times(&self, topic: &Topic) -> Result<AppendTimes> {
        self.queue.append_times(&self.inner(topic))
    }

    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>> {
        self.queue.examine(topic.map(|topic| self.inner(topic)).as_ref())
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        self.queue.examine_rights(needs)
    }

    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        self.queue.open_transactions(&self.inner(topic))
    }

    fn look_at(&self, transactions: &mut [OpenTransaction]) {
        self.queue.look_at(transactions);
    }
}

/// A reader or source that waits for a broker's answer.
struct Patient<R>(R);

impl Reader for Patient<Box<dyn Reader>> {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.0.read(wait.max(ANSWER), spare)
    }
}

impl Source for Patient<Box<dyn Source>> {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.0.poll(wait.max(ANSWER), spare)
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.0.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.0.release(partitions)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.0.pause(partitions)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.0.resume(at)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.0.ends(partitions)
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.0.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        self.0.fencing_token()
    }

    fn is_lost(&mut self) -> bool {
        self.0.is_lost()
    }
}
