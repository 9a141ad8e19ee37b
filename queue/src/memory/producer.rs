//! The producer of a topic in memory.

use super::handle::Handle;
use crate::backend::validate;
use crate::{Append, Appended, Partition, Producer, Result, Topic};

/// Appends to one topic.
pub(super) struct MemoryProducer {
    pub(super) handle: Handle,
    pub(super) topic: Topic,
    /// Name of the run.
    pub(super) id: String,
}

impl Producer for MemoryProducer {
    fn append(&mut self, appends: &[Append<'_>]) -> Result<Appended> {
        let now_ms = self.handle.now_ms();
        self.handle.contents().topics.append(
            self.handle.name(),
            &self.topic,
            &self.id,
            appends,
            now_ms,
        )
    }

    fn next_sequence(&mut self, partition: Partition) -> Result<u64> {
        validate::partition(&self.topic, partition)?;
        self.handle.look(&self.topic, |log| Ok(log.at(partition).next_sequence(&self.id)))
    }
}
