//! Readers, and what the source of a slot is made of that keeps its partitions.

use std::time::Duration;

use super::fetcher::Fetcher;
use crate::client::cluster::Cluster;
use seismic_queue::backend::assigned_source::Follow;
use seismic_queue::{Batch, Event, Offset, Partition, Reader, Result, Topic};

/// Reads given partitions; a member of no group.
pub(crate) struct KafkaReader {
    fetcher: Fetcher,
}

impl KafkaReader {
    pub(crate) fn new(
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

impl Follow for KafkaReader {
    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        self.fetcher.start(at)
    }

    fn stop(&mut self, partitions: &[Partition]) {
        self.fetcher.stop(partitions);
    }

    fn end(&mut self, partition: Partition) -> Result<Offset> {
        self.fetcher.end(partition)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        self.fetcher.ends(partitions)
    }
}
