//! A queue in memory whose sources are those of a test.

use seismic_queue::memory::Memory;
use seismic_queue::{
    AppendTimes, Diagnose, Finding, HeldBack, Hold, ImportLog, KnownProducers, Member, Need,
    Offset, OpenTransaction, Partition, Policy, Producer, Queue, Reader, Result, Retained,
    Retention, Source, Span, Topic,
};

/// Opens a source of partitions of a topic of the queue.
pub trait Open:
    Fn(&Memory, &Topic, &[Partition]) -> Result<Box<dyn Source>> + Send + Sync + 'static
{
}

impl<F> Open for F where
    F: Fn(&Memory, &Topic, &[Partition]) -> Result<Box<dyn Source>> + Send + Sync + 'static
{
}

/// A queue in memory that opens its sources so.
pub struct Sourced<F> {
    inner: Memory,
    source: F,
}

impl<F: Open> Sourced<F> {
    pub fn new(inner: &Memory, source: F) -> Self {
        Sourced { inner: inner.clone(), source }
    }
}

impl<F: Open> Queue for Sourced<F> {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.inner.topics()
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.inner.topic(name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.inner.create(name, partitions)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.inner.spans(topic)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        self.inner.offset_at(topic, partition, time_ms)
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.inner.producer(topic, id)
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.inner.reader(topic, at)
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        (self.source)(&self.inner, topic, partitions)
    }

    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>> {
        self.inner.member(topic, member)
    }

    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        self.inner.known_producers(topic)
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.inner.import_log(topic)
    }
}

impl<F: Open> Retention for Sourced<F> {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.inner.hold(topic, holder, at)
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.inner.holds(topic)
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.inner.policy(topic)
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.inner.set_policy(topic, policy)
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        self.inner.held(topic)
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        self.inner.retain(topic, past_holds)
    }

    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()> {
        self.inner.trim(topic, below)
    }
}

impl<F: Open> Diagnose for Sourced<F> {
    fn check_place(&self) -> Result<()> {
        self.inner.check_place()
    }

    fn check_topic(&self, topic: &Topic) -> Result<()> {
        self.inner.check_topic(topic)
    }

    fn append_times(&self, topic: &Topic) -> Result<AppendTimes> {
        self.inner.append_times(topic)
    }

    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>> {
        self.inner.examine(topic)
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        self.inner.examine_rights(needs)
    }

    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        self.inner.open_transactions(topic)
    }

    fn look_at(&self, transactions: &mut [OpenTransaction]) {
        self.inner.look_at(transactions);
    }
}
