//! A queue in memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::handle::{Handle, Use};
use super::import_log::MemoryImportLog;
use super::log::PartitionLog;
use super::producer::MemoryProducer;
use super::reader::MemoryLog;
use crate::backend::assigned_source::AssignedSource;
use crate::backend::polling_reader::PollingReader;
use crate::backend::validate;
use crate::{
    AppendTimes, Diagnose, Error, Finding, HeldBack, Hold, ImportLog, KnownProducers, Member, Need,
    Offset, OpenTransaction, Partition, Policy, Producer, Queue, Reader, Result, Retained,
    Retention, Source, Span, Topic,
};

/// A queue in memory.
#[derive(Clone)]
pub struct Memory {
    pub(super) handle: Handle,
}

impl Memory {
    /// A queue that only clones of this handle see.
    #[must_use]
    pub fn new() -> Self {
        Memory { handle: Handle::new(Use::Queue, "", None) }
    }

    /// As [`Memory::new`], with append times (ms since 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<AtomicI64>) -> Self {
        Memory { handle: Handle::new(Use::Queue, "", Some(clock)) }
    }

    /// The queue of that name in this process, empty when it was not asked for before.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Memory { handle: Handle::named(Use::Queue, name) }
    }

    /// An empty queue that has that name in this process from now on, with append times (ms since
    /// 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn named_with_clock(name: &str, clock: Arc<AtomicI64>) -> Self {
        Memory { handle: Handle::renamed(Use::Queue, name, Some(clock)) }
    }

    /// Adds partitions to a topic until it has that many, as an administrator of a cluster does.
    ///
    /// # Errors
    /// [`Error::TopicMissing`].
    pub fn widen(&self, topic: &str, partitions: u32) -> Result<Topic> {
        let mut contents = self.handle.contents();
        let known = contents.topics.named(self.handle.name(), topic)?;
        contents.topics.widen(self.handle.name(), &known, partitions)
    }

    /// Bytes that the messages of a topic take, with a few for each message.
    ///
    /// # Errors
    /// [`Error::TopicMissing`].
    pub fn bytes(&self, topic: &Topic) -> Result<u64> {
        self.handle.look(topic, |log| Ok(log.partitions.iter().map(PartitionLog::bytes).sum()))
    }

    fn log(&self, topic: &Topic, partitions: impl Iterator<Item = Partition>) -> Result<MemoryLog> {
        self.handle.look(topic, |_| Ok(()))?;
        partitions.into_iter().try_for_each(|partition| validate::partition(topic, partition))?;
        Ok(MemoryLog::new(self.handle.clone(), topic.clone()))
    }

    fn refuse_in_a_store(&self) -> Result<()> {
        match self.handle.is_store() {
            true => Err(Error::CommitsOnly { at: self.name() }),
            false => Ok(()),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Memory").field(&self.handle.name()).finish()
    }
}

impl Queue for Memory {
    fn name(&self) -> String {
        self.handle.name().to_owned()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        Ok(self.handle.contents().topics.all())
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.handle.contents().topics.named(self.handle.name(), name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.refuse_in_a_store()?;
        validate::new_topic(name, partitions)?;
        validate::same_topic(self.handle.contents().topics.create(name, partitions), partitions)
    }

    fn delete(&self, topic: &Topic) -> Result<()> {
        self.refuse_in_a_store()?;
        self.handle.contents().topics.delete(self.handle.name(), topic)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.handle.look(topic, |log| Ok(log.partitions.iter().map(PartitionLog::span).collect()))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        validate::partition(topic, partition)?;
        self.handle.look(topic, |log| Ok(log.at(partition).offset_at(time_ms)))
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.refuse_in_a_store()?;
        self.handle.look(topic, |_| Ok(()))?;
        let (handle, topic, id) = (self.handle.clone(), topic.clone(), id.to_owned());
        Ok(Box::new(MemoryProducer { handle, topic, id }))
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.refuse_in_a_store()?;
        self.handle.look(topic, |_| Ok(()))?;
        let (handle, topic) = (self.handle.clone(), topic.clone());
        Ok(Some(Box::new(MemoryImportLog { handle, topic })))
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        let log = self.log(topic, at.iter().map(|&(partition, _)| partition))?;
        Ok(Box::new(PollingReader::new(log, at)))
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        let log = self.log(topic, partitions.iter().copied())?;
        Ok(Box::new(AssignedSource::new(PollingReader::new(log, &[]), partitions)))
    }

    fn member(&self, _: &Topic, _: &Member) -> Result<Box<dyn Source>> {
        Err(Error::NoGroups { at: self.name() })
    }

    /// Asking for one of them costs no more.
    fn known_producers(&self, _topic: &Topic) -> Result<Option<KnownProducers>> {
        Ok(None)
    }
}

impl Retention for Memory {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
        self.handle.look(topic, |log| {
            log.holds.retain(|(_, by), _| by != holder);
            let new = at.iter().map(|&(partition, from)| ((partition, holder.to_owned()), from));
            log.holds.extend(new);
            Ok(())
        })
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.handle.look(topic, |log| Ok(log.holds().collect()))
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        self.handle.look(topic, |log| Ok(log.policy))
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.handle.look(topic, |log| {
            log.policy = policy;
            Ok(())
        })
    }

    fn held(&self, topic: &Topic) -> Result<Vec<HeldBack>> {
        let now_ms = self.handle.now_ms();
        self.handle.look(topic, |log| Ok(log.held(now_ms)))
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        let now_ms = self.handle.now_ms();
        self.handle.look(topic, |log| Ok(log.retain(now_ms, past_holds)))
    }

    /// Readers hold what they need.
    fn trim(&self, _topic: &Topic, _below: &[(Partition, Offset)]) -> Result<()> {
        Ok(())
    }
}

impl Diagnose for Memory {
    fn check_place(&self) -> Result<()> {
        Ok(())
    }

    fn check_topic(&self, _: &Topic) -> Result<()> {
        Ok(())
    }

    fn append_times(&self, _: &Topic) -> Result<AppendTimes> {
        Ok(AppendTimes::Queue)
    }

    fn examine(&self, _: Option<&Topic>) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    fn examine_rights(&self, _: &[Need]) -> Result<Vec<Finding>> {
        Ok(Vec::new())
    }

    /// There are none.
    fn open_transactions(&self, _topic: &Topic) -> Result<Vec<OpenTransaction>> {
        Ok(Vec::new())
    }

    fn look_at(&self, _transactions: &mut [OpenTransaction]) {}
}
