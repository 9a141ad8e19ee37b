//! Creating, describing and changing topics.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use rdkafka::TopicPartitionList;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::cluster::Cluster;
use super::connection::{Quiet, make_with, number};
use crate::error_kind::{NotAllowed, Resource, of_librdkafka, on_topic};
use crate::limits;
use seismic_queue::{AppendTimes, Error, Offset, Partition, Result, Topic};

/// Settings of topics that hold messages of ours.
pub(crate) const KEPT: [(&str, &str); 2] = [("retention.ms", "-1"), ("retention.bytes", "-1")];

/// Further settings of a topic that others append to: the append time is the broker's, and a
/// message is as long as anywhere else.
pub(crate) const INPUT: [(&str, &str); 2] =
    [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "16842752")];

/// Further settings of a topic that commits write to: their largest message must fit, whatever the
/// brokers take elsewhere.
pub(crate) const OUTPUT: [(&str, &str); 1] = [("max.message.bytes", "1048588")];

/// Further settings of a topic that commits write keyed rows to, such as one that the next step of a
/// job reads. A message may be as long as the longest of an input.
pub(crate) const KEYED: [(&str, &str); 2] = INPUT;

/// One who changes topics.
pub(crate) struct Admin<'a> {
    cluster: &'a Cluster,
    client: AdminClient<Quiet>,
}

impl<'a> Admin<'a> {
    pub(crate) fn new(cluster: &'a Cluster) -> Result<Admin<'a>> {
        let client = make_with(&cluster.settings.asking(), Quiet)?;
        Ok(Admin { cluster, client })
    }

    /// Makes a topic; one that is there already is fine.
    pub(crate) fn create(
        &self,
        name: &str,
        partitions: u32,
        settings: &[(&str, &str)],
    ) -> Result<Topic> {
        // As many replicas as the cluster makes when no one says.
        let replicas = TopicReplication::Fixed(-1);
        let mut new = NewTopic::new(name, partitions as i32, replicas);
        for (key, value) in settings {
            new = new.set(key, value);
        }
        let made = wait_for(self.client.create_topics([&new], &patient()));
        let needs = vec![on_topic("Create", name), ("Create", Resource::Cluster)];
        let failed = self.cluster.failed_on("making a topic", needs);
        for outcome in made.map_err(&failed)? {
            match outcome {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((_, code)) => return Err(failed(KafkaError::Global(code))),
            }
        }
        self.settled(name)
    }

    /// The topic with at least that many partitions.
    pub(crate) fn widen(&self, topic: Topic, partitions: u32) -> Result<Topic> {
        if topic.partitions >= partitions {
            return Ok(topic);
        }
        let needs = vec![on_topic("Alter", &topic.name)];
        let failed = self.cluster.failed_on("adding partitions", needs);
        let more = NewPartitions::new(&topic.name, partitions as usize);
        let done = wait_for(self.client.create_partitions([&more], &patient())).map_err(&failed)?;
        let begun = Instant::now();
        loop {
            match self.settled(&topic.name)? {
                wide if wide.partitions >= partitions => return Ok(wide),
                _ if begun.elapsed() < limits::WAIT => thread::sleep(seismic_queue::limits::NAP),
                narrow => {
                    // Another worker may have done the same; if not, this is why.
                    let refused = done.into_iter().find_map(std::result::Result::err);
                    let code =
                        refused.map_or(RDKafkaErrorCode::OperationTimedOut, |(_, code)| code);
                    tracing::debug!("{} has {} partitions", narrow.name, narrow.partitions);
                    return Err(failed(KafkaError::Global(code)));
                }
            }
        }
    }

    /// The topic, once every broker that is asked knows it: metadata spreads after the answer.
    fn settled(&self, name: &str) -> Result<Topic> {
        let begun = Instant::now();
        loop {
            let found = self.cluster.topic(name);
            match found.and_then(|topic| self.cluster.spans(&topic).map(|_| topic)) {
                Err(error)
                    if begun.elapsed() < limits::WAIT
                        && error.of_backend::<NotAllowed>().is_none() =>
                {
                    thread::sleep(seismic_queue::limits::NAP);
                }
                other => return other,
            }
        }
    }

    /// The settings of a topic.
    pub(crate) fn settings(&self, topic: &str) -> Result<HashMap<String, String>> {
        Ok(by_name(self.entries_of_topic(topic)?))
    }

    /// The settings of a broker, asked once: it may be down.
    pub(crate) fn broker_settings(&self, number: i32) -> Result<HashMap<String, String>> {
        let wait = Some(limits::BROKER_WAIT);
        let options = AdminOptions::new().request_timeout(wait).operation_timeout(wait);
        let needs = vec![("DescribeConfigs", Resource::Cluster)];
        let failed = self.cluster.failed_on("reading the settings of a broker", needs);
        let entries = self.entries_of(&ResourceSpecifier::Broker(number), &options);
        let entries = entries.map_err(|error| match error {
            UNTOLD => self.untold(format!("broker {number}")),
            error => failed(error),
        });
        entries.map(by_name)
    }

    fn entries_of_topic(&self, topic: &str) -> Result<Vec<ConfigEntry>> {
        let what = ResourceSpecifier::Topic(topic);
        match self.entries_of(&what, &patient()) {
            Ok(entries) => return Ok(entries),
            // Where we may not ask there are none either.
            Err(UNTOLD) => {
                let needs = [on_topic("DescribeConfigs", topic)];
                self.cluster.may("reading the settings of a topic", &needs)?;
            }
            Err(_) => {}
        }
        // A broker may not know a topic yet that another one has just made.
        let needs = vec![on_topic("DescribeConfigs", topic)];
        let entries = self.cluster.insist_on("reading the settings of a topic", needs, || {
            self.entries_of(&what, &patient())
        });
        entries.map_err(|error| match error {
            error if of_librdkafka(&error) == Some(&UNTOLD) => {
                self.untold(format!("topic {topic:?}"))
            }
            error => error,
        })
    }

    /// [`UNTOLD`] when there are none: everything that there is has settings. The answer says why,
    /// but not through `rdkafka`, which leaves it out.
    fn entries_of(
        &self,
        what: &ResourceSpecifier<'_>,
        options: &AdminOptions,
    ) -> std::result::Result<Vec<ConfigEntry>, KafkaError> {
        let mut entries = Vec::new();
        for resource in wait_for(self.client.describe_configs([what], options))? {
            entries.extend(resource.map_err(KafkaError::Global)?.entries);
        }
        if entries.is_empty() { Err(UNTOLD) } else { Ok(entries) }
    }

    fn untold(&self, of: String) -> Error {
        Error::SettingsUntold { at: self.cluster.at.clone(), of }
    }

    /// Changes settings of a topic; those that it has of its own besides stay.
    pub(crate) fn set(&self, topic: &str, settings: &[(&str, String)]) -> Result<()> {
        let needs = vec![on_topic("AlterConfigs", topic)];
        let failed = self.cluster.failed_on("changing the settings of a topic", needs);
        // The request replaces all that a topic has of its own.
        let is_own = |entry: &ConfigEntry| matches!(entry.source, ConfigSource::DynamicTopic);
        let own = self.entries_of_topic(topic)?.into_iter().filter(is_own);
        let mut own: Vec<_> =
            own.map(|entry| (entry.name, entry.value.unwrap_or_default())).collect();
        own.retain(|(key, _)| settings.iter().all(|(set, _)| set != key));
        let mut change = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in &own {
            change = change.set(key, value);
        }
        for (key, value) in settings {
            change = change.set(key, value);
        }
        let done = wait_for(self.client.alter_configs([&change], &patient())).map_err(&failed)?;
        let refused = done.into_iter().find_map(std::result::Result::err);
        match refused {
            Some((_, code)) => Err(failed(KafkaError::Global(code))),
            None => Ok(()),
        }
    }

    /// Says what is off with a topic that someone else may have made, and whose its times are.
    ///
    /// # Errors
    /// [`Error::TopicSetting`] when messages would be lost.
    pub(crate) fn check_input(&self, topic: &str) -> Result<AppendTimes> {
        let settings = self.settings(topic)?;
        check_policy(topic, &settings)?;
        let times = of(&settings, "message.timestamp.type");
        if times == "LogAppendTime" {
            return Ok(AppendTimes::Queue);
        }
        tracing::warn!(
            "topic {topic:?} has the append times that its producers say \
             (message.timestamp.type={times}): the future guard is as good as their clocks; \
             LogAppendTime is safe"
        );
        Ok(AppendTimes::Producers)
    }

    /// Refuses a topic that cannot take every keyed row which a commit may have for it.
    pub(crate) fn check_keyed_output(&self, topic: &str) -> Result<()> {
        let settings = self.settings(topic)?;
        check_policy(topic, &settings)?;
        let (key, found) = ("max.message.bytes", of(&settings, "max.message.bytes"));
        if found.parse().is_ok_and(|bytes: usize| bytes >= limits::KEYED_BYTES) {
            return Ok(());
        }
        refuse(
            topic,
            key,
            found,
            "a row may be as long as a message of the input; set it to 16842752",
        )
    }

    /// Refuses a topic that cannot take everything which a commit may have for it.
    pub(crate) fn check_output(&self, topic: &str) -> Result<()> {
        let settings = self.settings(topic)?;
        check_policy(topic, &settings)?;
        let (key, found) = ("max.message.bytes", of(&settings, "max.message.bytes"));
        if found.parse().is_ok_and(|bytes: usize| bytes >= limits::OUTPUT_BYTES) {
            return Ok(());
        }
        let why = "a dead letter or a piece of a snapshot may be larger; set it to 1048588";
        refuse(topic, key, found, why)
    }

    /// Refuses a checkpoint topic that forgets.
    pub(crate) fn check_checkpoints(&self, topic: &str) -> Result<()> {
        self.check_output(topic)?;
        let settings = self.settings(topic)?;
        for (key, _) in KEPT {
            let found = of(&settings, key);
            if found != "-1" {
                return refuse(
                    topic,
                    key,
                    found,
                    "jobs need what is in it to recover; set it to -1",
                );
            }
        }
        Ok(())
    }

    /// Refuses a topic of tables that forgets, or that keeps more than the newest of a key for ever.
    pub(crate) fn check_tables(&self, topic: &str) -> Result<()> {
        let settings = self.settings(topic)?;
        for (key, wanted, why) in [
            (
                "cleanup.policy",
                "compact",
                "jobs look things up in what it keeps; set it to compact",
            ),
            ("max.message.bytes", OUTPUT[0].1, "pieces of tables must fit; set it to 1048588"),
        ] {
            let found = of(&settings, key);
            let is_large = found.parse().is_ok_and(|bytes: usize| bytes >= limits::OUTPUT_BYTES);
            if found != wanted && !is_large {
                return refuse(topic, key, found, why);
            }
        }
        Ok(())
    }

    /// Deletes what stands before these offsets.
    pub(crate) fn delete_records(&self, topic: &str, below: &[(Partition, Offset)]) -> Result<()> {
        let needs = vec![on_topic("Delete", topic)];
        let failed = self.cluster.failed_on("trimming a topic", needs);
        let mut asked = TopicPartitionList::new();
        for &(partition, offset) in below {
            let offset = rdkafka::Offset::Offset(offset.0 as i64);
            asked.add_partition_offset(topic, number(partition), offset).map_err(&failed)?;
        }
        let done = wait_for(self.client.delete_records(&asked, &patient())).map_err(&failed)?;
        done.elements().iter().try_for_each(|element| element.error()).map_err(failed)
    }

    /// Deletes a topic, and returns when no broker that is asked knows it any more.
    pub(crate) fn delete_topic(&self, name: &str) -> Result<()> {
        let failed = self.cluster.failed_on("deleting a topic", vec![on_topic("Delete", name)]);
        let done = wait_for(self.client.delete_topics(&[name], &patient())).map_err(&failed)?;
        if let Some((_, code)) = done.into_iter().find_map(std::result::Result::err) {
            return Err(failed(KafkaError::Global(code)));
        }
        let begun = Instant::now();
        while self.cluster.topic(name).is_ok() && begun.elapsed() < limits::WAIT {
            thread::sleep(seismic_queue::limits::NAP);
        }
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn delete(&self, topics: &[&str]) {
        wait_for(self.client.delete_topics(topics, &patient())).expect("topics can be deleted");
    }
}

fn of<'a>(settings: &'a HashMap<String, String>, key: &str) -> &'a str {
    settings.get(key).map_or("", String::as_str)
}

fn check_policy(topic: &str, settings: &HashMap<String, String>) -> Result<()> {
    let (key, found) = ("cleanup.policy", of(settings, "cleanup.policy"));
    let why = "compaction takes messages out of the middle of the log; set it to delete";
    if found == "delete" { Ok(()) } else { refuse(topic, key, found, why) }
}

fn refuse(topic: &str, key: &'static str, found: &str, why: &'static str) -> Result<()> {
    Err(Error::TopicSetting { topic: topic.to_owned(), key, found: found.to_owned(), why })
}

/// What an answer without settings is taken for.
const UNTOLD: KafkaError = KafkaError::Global(RDKafkaErrorCode::UnknownTopicOrPartition);

fn by_name(entries: Vec<ConfigEntry>) -> HashMap<String, String> {
    entries.into_iter().map(|entry| (entry.name, entry.value.unwrap_or_default())).collect()
}

fn patient() -> AdminOptions {
    let wait = Some(limits::WAIT);
    AdminOptions::new().request_timeout(wait).operation_timeout(wait)
}

/// Waits for a future. Those of an [`AdminClient`] are completed by a thread of its own.
fn wait_for<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::OnKafka;

    #[test]
    fn a_topic_that_a_broker_does_not_know_is_no_topic_without_settings() {
        let Some(on) = OnKafka::new() else { return };
        let cluster = Cluster::open(&on.address).unwrap();
        let admin = Admin::new(&cluster).unwrap();
        let nobodys = ResourceSpecifier::Topic("nobodys");
        assert_eq!(admin.entries_of(&nobodys, &patient()).unwrap_err(), UNTOLD);
        admin.create("settings", 1, &KEPT).unwrap();
        admin.set("settings", &[("retention.bytes", "7".to_owned())]).unwrap();
        let settings = admin.settings("settings").unwrap();
        assert_eq!((&*settings["retention.ms"], &*settings["retention.bytes"]), ("-1", "7"));
        assert!(admin.broker_settings(1).unwrap().contains_key("offsets.retention.minutes"));
        assert!(admin.broker_settings(77).is_err());
    }
}
