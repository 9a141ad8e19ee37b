//! Readers, and the source of a slot that keeps its partitions.

use std::time::Duration;

use super::client::Cluster;
use super::fetcher::Fetcher;
use crate::{Batch, Claim, Event, Offset, Partition, Reader, Result, Source, Topic, check};

/// Reads given partitions; a member of no group.
pub(super) struct KafkaReader {
    fetcher: Fetcher,
}

impl KafkaReader {
    pub(super) fn new(
        cluster: &Cluster,
        topic: &Topic,
        at: &[(Partition, Offset)],
    ) -> Result<KafkaReader> {
        let mut fetcher = Fetcher::new(cluster, topic);
        fetcher.start(at)?;
        Ok(KafkaReader { fetcher })
    }
}

impl Reader for KafkaReader {
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        self.fetcher.read(wait, spare)
    }
}

/// A source whose partitions never move.
pub(super) struct SoleSource {
    fetcher: Fetcher,
    /// Partitions not yet announced as assigned.
    unsaid: Option<Vec<Partition>>,
}

impl SoleSource {
    pub(super) fn new(
        cluster: &Cluster,
        topic: &Topic,
        partitions: &[Partition],
    ) -> Result<SoleSource> {
        partitions.iter().try_for_each(|&partition| check::partition(topic, partition))?;
        let fetcher = Fetcher::new(cluster, topic);
        Ok(SoleSource { fetcher, unsaid: Some(partitions.to_vec()) })
    }
}

impl Source for SoleSource {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        match self.unsaid.take() {
            Some(partitions) => Ok(Event::Assigned(partitions)),
            None => self.fetcher.read(wait, spare),
        }
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.fetcher.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.fetcher.stop(partitions);
        Ok(())
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.fetcher.end(partition)
    }

    fn claim(&self) -> Claim {
        Claim::Sole
    }
}
