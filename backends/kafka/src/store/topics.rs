//! The topics of a store: read by everybody, written by commits alone.

use crate::queue::KafkaQueue;
use seismic_queue::{
    Error, Hold, Offset, Partition, Policy, Producer, Queue, Reader, Result, Retained, Source,
    Span, Topic,
};

/// The topics of a store, for reading.
pub(super) struct StoreTopics {
    pub(super) queue: KafkaQueue,
}

impl StoreTopics {
    fn commits_only(&self) -> Error {
        Error::CommitsOnly { at: self.queue.name() }
    }
}

impl Queue for StoreTopics {
    fn name(&self) -> String {
        self.queue.name()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.queue.topics()
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.queue.topic(name)
    }

    fn create(&self, _: &str, _: u32) -> Result<Topic> {
        Err(self.commits_only())
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.queue.spans(topic)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        self.queue.offset_at(topic, partition, time_ms)
    }

    fn producer(&self, _: &Topic, _: &str) -> Result<Box<dyn Producer>> {
        Err(self.commits_only())
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.queue.reader(topic, at)
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        self.queue.source(topic, partitions)
    }

    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.queue.hold(topic, holder, at)
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.queue.holds(topic)
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.queue.policy(topic)
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.queue.set_policy(topic, policy)
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        self.queue.retain(topic, past_holds)
    }
}
