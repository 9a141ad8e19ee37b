//! A topic in memory, as readers poll it.

use std::time::Duration;

use super::handle::Handle;
use crate::backend::polling_reader::Log;
use crate::backend::validate;
use crate::{Batch, Offset, Partition, Result, Topic};

/// A topic as its readers see it.
pub(super) struct MemoryLog {
    handle: Handle,
    topic: Topic,
    seen: Option<u64>,
}

impl MemoryLog {
    pub(super) fn new(handle: Handle, topic: Topic) -> Self {
        MemoryLog { handle, topic, seen: None }
    }
}

impl Log for MemoryLog {
    fn fetch(&mut self, into: &mut Batch) -> Result<()> {
        self.handle.look(&self.topic, |log| log.at(into.partition()).fetch(&self.topic.name, into))
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        validate::partition(&self.topic, partition)?;
        self.handle.look(&self.topic, |log| Ok(log.at(partition).span().end))
    }

    fn changed(&mut self) -> Result<bool> {
        let now = Some(self.handle.contents().topics.version);
        Ok(std::mem::replace(&mut self.seen, now) != now)
    }

    /// An append gets its time under the lock that shows it.
    fn in_flight(&mut self) -> Result<Duration> {
        Ok(Duration::ZERO)
    }
}
