//! Committed offsets of a group, read and written without joining it.

use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::KafkaError;

use super::membership::Membership;
use crate::client::cluster::Cluster;
use crate::client::connection::number;
use crate::client::group_client::GroupClient;
use crate::client::native;
use crate::error_kind::{Resource, Right, on_topic};
use crate::limits;
use seismic_queue::{Offset, Partition, Result, Topic};

const ASKING: &str = "asking for committed offsets";

/// One group's offsets.
pub(crate) struct GroupOffsets {
    cluster: Cluster,
    group: String,
    client: GroupClient,
}

/// A committed offset and its metadata.
pub(crate) type Committed = Option<(Offset, String)>;

impl GroupOffsets {
    pub(crate) fn new(cluster: &Cluster, group: &str) -> Result<GroupOffsets> {
        GroupOffsets::with(cluster, group, cluster.settings.reading(group))
    }

    /// Those that are settled: transactions that are about to commit offsets are not waited for.
    pub(crate) fn settled(cluster: &Cluster, group: &str) -> Result<GroupOffsets> {
        let mut config = cluster.settings.reading(group);
        config.set("isolation.level", "read_uncommitted");
        GroupOffsets::with(cluster, group, config)
    }

    fn with(cluster: &Cluster, group: &str, config: ClientConfig) -> Result<GroupOffsets> {
        let client = GroupClient::new(cluster, config)?;
        Ok(GroupOffsets { cluster: cluster.clone(), group: group.to_owned(), client })
    }

    fn needs(&self, right: &'static str, topic: &Topic) -> Vec<Right> {
        vec![(right, Resource::Group(self.group.clone())), on_topic(right, &topic.name)]
    }

    /// What is committed of these partitions, in their order. Transactions that are about to commit
    /// offsets are waited for.
    pub(crate) fn committed(
        &self,
        topic: &Topic,
        partitions: &[Partition],
    ) -> Result<Vec<Committed>> {
        let needs = self.needs("Describe", topic);
        // A coordinator that we may not ask never answers, and then it is looked why.
        let mut wait = limits::END_WAIT;
        let found = self.cluster.insist_on(ASKING, needs, || {
            self.ask(topic, partitions, std::mem::replace(&mut wait, limits::WAIT))
        })?;
        Ok(in_order(&found, &topic.name, partitions))
    }

    /// What is committed of each partition of these topics, in their order.
    pub(crate) fn committed_of(&self, topics: &[Topic]) -> Result<Vec<Vec<Committed>>> {
        let needs = topics.iter().flat_map(|topic| self.needs("Describe", topic)).collect();
        let mut asked = TopicPartitionList::new();
        for topic in topics {
            topic.all().for_each(|partition| {
                asked.add_partition(&topic.name, number(partition));
            });
        }
        let mut wait = limits::END_WAIT;
        let found = self.cluster.insist_on(ASKING, needs, || {
            self.ask_list(asked.clone(), std::mem::replace(&mut wait, limits::WAIT))
        })?;
        let of_topic = |topic: &Topic| {
            let partitions: Vec<Partition> = topic.all().collect();
            in_order(&found, &topic.name, &partitions)
        };
        Ok(topics.iter().map(of_topic).collect())
    }

    /// As [`GroupOffsets::committed`], asked once: for a caller that asks again soon.
    pub(crate) fn committed_now(
        &self,
        topic: &Topic,
        partitions: &[Partition],
    ) -> Result<Vec<Committed>> {
        let found = self.ask(topic, partitions, limits::BROKER_WAIT);
        Ok(in_order(&found.map_err(self.cluster.failed(ASKING))?, &topic.name, partitions))
    }

    fn ask(
        &self,
        topic: &Topic,
        partitions: &[Partition],
        wait: Duration,
    ) -> std::result::Result<TopicPartitionList, KafkaError> {
        let mut asked = TopicPartitionList::new();
        for &partition in partitions {
            asked.add_partition(&topic.name, number(partition));
        }
        self.ask_list(asked, wait)
    }

    fn ask_list(
        &self,
        asked: TopicPartitionList,
        wait: Duration,
    ) -> std::result::Result<TopicPartitionList, KafkaError> {
        let client = self.client.get();
        let found = client.consumer.committed_offsets(asked, wait);
        let found = found.inspect_err(|error| self.client.failed(&client, error))?;
        found.elements().iter().try_for_each(|element| element.error())?;
        Ok(found)
    }

    /// What to show with offsets of a group that has no members yet.
    pub(crate) fn without_member(&self) -> Membership {
        Membership::without_member(&self.client.get().consumer)
    }

    /// Commits offsets outside of any transaction.
    pub(crate) fn commit(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<()> {
        let doing = "committing offsets";
        let needs = self.needs("Read", topic);
        let failed = self.cluster.failed(doing);
        let mut offsets = TopicPartitionList::new();
        for &(partition, offset) in at {
            let offset = rdkafka::Offset::Offset(offset.0 as i64);
            offsets
                .add_partition_offset(&topic.name, number(partition), offset)
                .map_err(&failed)?;
        }
        self.cluster.insist_on(doing, needs, || self.commit_now(&offsets))
    }

    /// Commits offsets with their metadata, in `topic` and others, of a group without members.
    pub(crate) fn commit_list(&self, topic: &Topic, offsets: &TopicPartitionList) -> Result<()> {
        let needs = self.needs("Read", topic);
        self.cluster.insist_on("committing offsets", needs, || self.commit_now(offsets))
    }

    fn commit_now(&self, offsets: &TopicPartitionList) -> std::result::Result<(), KafkaError> {
        let client = self.client.get();
        let done = client.consumer.commit(offsets, CommitMode::Sync);
        done.inspect_err(|error| self.client.failed(&client, error))
    }
}

/// What was found of these partitions of a topic, in their order.
fn in_order(found: &TopicPartitionList, topic: &str, partitions: &[Partition]) -> Vec<Committed> {
    let elements = found.elements();
    let committed = |&partition: &Partition| {
        let is_it = |it: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            it.topic() == topic && it.partition() == number(partition)
        };
        let i = elements.iter().position(is_it)?;
        match elements[i].offset() {
            rdkafka::Offset::Offset(offset) => {
                let text = String::from_utf8_lossy(&native::metadata(found, i)).into_owned();
                Some((Offset(offset as u64), text))
            }
            _ => None,
        }
    };
    partitions.iter().map(committed).collect()
}
