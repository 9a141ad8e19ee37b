//! A queue and a store in the memory of this process: for tests, simulations and trying out.
//!
//! Same contract as every backend, except that everything is gone with the process. Append times
//! come from a clock that the caller may set, so that runs can be repeated exactly. Handles are
//! cheap to clone and share one store.

mod address;
mod contents;
mod lease;
mod log;
mod names;
mod partition;
mod state;
mod store;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use address::BACKEND;
use contents::Contents;
use log::{MemoryLog, PartitionLog, TopicLog};
pub use store::MemoryStore;

use crate::backend::assigned_source::AssignedSource;
use crate::backend::polling_reader::PollingReader;
use crate::backend::validate;
use crate::{
    Append, AppendTimes, Appended, Diagnose, Error, Finding, Held, Hold, Member, Need, Offset,
    Partition, Policy, Producer, Queue, Reader, Result, Retained, Retention, Source, Span, Topic,
    clock,
};

/// A queue in memory.
#[derive(Clone)]
pub struct Memory {
    shared: Arc<Shared>,
}

struct Shared {
    of: Use,
    name: String,
    /// `None`: the wall clock.
    clock: Option<Arc<AtomicI64>>,
    contents: Mutex<Contents>,
}

/// What a store is used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Use {
    Queue,
    JobStore,
}

static NAMED: Mutex<BTreeMap<(Use, String), Memory>> = Mutex::new(BTreeMap::new());

impl Memory {
    /// A queue that only clones of this handle see.
    #[must_use]
    pub fn new() -> Self {
        Self::build(Use::Queue, "", None)
    }

    /// As [`Memory::new`], with append times (ms since 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<AtomicI64>) -> Self {
        Self::build(Use::Queue, "", Some(clock))
    }

    /// The queue of that name in this process, empty when it was not asked for before.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::shared(Use::Queue, name)
    }

    /// Adds partitions to a topic until it has so many, as an administrator of a cluster does.
    ///
    /// # Errors
    /// [`Error::TopicMissing`].
    pub fn widen(&self, topic: &str, partitions: u32) -> Result<Topic> {
        let mut contents = self.contents();
        let known = contents.named(&self.shared.name, topic)?;
        contents.widen(&self.shared.name, &known, partitions)
    }

    fn shared(of: Use, name: &str) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Self::build(of, name, None);
        named.entry((of, name.to_owned())).or_insert_with(make).clone()
    }

    fn build(of: Use, name: &str, clock: Option<Arc<AtomicI64>>) -> Self {
        let name = format!("memory:{name}");
        Memory { shared: Arc::new(Shared { of, name, clock, contents: Mutex::default() }) }
    }

    /// The store. Every change is checked before it is begun, so that a panic elsewhere, which
    /// poisons the lock, leaves nothing half done.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.shared.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> i64 {
        match &self.shared.clock {
            Some(clock) => clock.load(Ordering::SeqCst),
            None => clock::now_ms(),
        }
    }

    fn look<T>(&self, topic: &Topic, look: impl FnOnce(&TopicLog) -> Result<T>) -> Result<T> {
        self.contents().topic(&self.shared.name, topic).and_then(|log| look(log))
    }

    fn log(&self, topic: &Topic, partitions: impl Iterator<Item = Partition>) -> Result<MemoryLog> {
        self.look(topic, |_| Ok(()))?;
        partitions.into_iter().try_for_each(|partition| validate::partition(topic, partition))?;
        Ok(MemoryLog::new(self.clone(), topic.clone()))
    }

    fn refuse_in_a_store(&self) -> Result<()> {
        match self.shared.of {
            Use::JobStore => Err(Error::CommitsOnly { at: self.name() }),
            Use::Queue => Ok(()),
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
        f.debug_tuple("Memory").field(&self.shared.name).finish()
    }
}

impl Queue for Memory {
    fn name(&self) -> String {
        self.shared.name.clone()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        Ok(self.contents().topics())
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        self.contents().named(&self.shared.name, name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.refuse_in_a_store()?;
        validate::new_topic(name, partitions)?;
        validate::same_topic(self.contents().create(name, partitions), partitions)
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.look(topic, |log| Ok(log.partitions.iter().map(PartitionLog::span).collect()))
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        validate::partition(topic, partition)?;
        self.look(topic, |log| Ok(log.at(partition).offset_at(time_ms)))
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.refuse_in_a_store()?;
        self.look(topic, |_| Ok(()))?;
        let (memory, topic, id) = (self.clone(), topic.clone(), id.to_owned());
        Ok(Box::new(MemoryProducer { memory, topic, id }))
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
}

impl Retention for Memory {
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
        let mut contents = self.contents();
        let holds = &mut contents.topic(&self.shared.name, topic)?.holds;
        holds.retain(|(_, by), _| by != holder);
        holds.extend(at.iter().map(|&(partition, from)| ((partition, holder.to_owned()), from)));
        Ok(())
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        self.look(topic, |log| Ok(log.holds().collect()))
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        Ok(self.contents().topic(&self.shared.name, topic)?.policy)
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        self.contents().topic(&self.shared.name, topic)?.policy = policy;
        Ok(())
    }

    fn held(&self, topic: &Topic) -> Result<Vec<Held>> {
        let now_ms = self.now_ms();
        self.look(topic, |log| Ok(log.held(now_ms)))
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        let now_ms = self.now_ms();
        Ok(self.contents().topic(&self.shared.name, topic)?.retain(now_ms, past_holds))
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
}

struct MemoryProducer {
    memory: Memory,
    topic: Topic,
    id: String,
}

impl Producer for MemoryProducer {
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
        let now_ms = self.memory.now_ms();
        self.memory.contents().append(
            &self.memory.shared.name,
            &self.topic,
            &self.id,
            appends,
            now_ms,
        )
    }

    fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
        validate::partition(&self.topic, partition)?;
        self.memory.look(&self.topic, |log| Ok(log.at(partition).next_sequence(&self.id)))
    }
}

#[cfg(test)]
mod tests;
