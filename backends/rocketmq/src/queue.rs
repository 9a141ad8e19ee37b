//! The queue: topics, and opening producers, readers and sources.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use crate::Nameservers;
use crate::client::{Client, TOOLS_GROUP};
use crate::cursor::Keeps;
use crate::error::Error as RocketError;
use crate::examine;
use crate::limits;
use crate::producer::RocketProducer;
use crate::producer_recovery;
use crate::reader::TopicReader;
use crate::rights;
use crate::source::OffsetReporter;
use crate::topic::{TopicQueues, topic_of};
use crate::topic_writer::TopicWriter;
use seismic_queue::backend::assigned_source::AssignedSource;
use seismic_queue::backend::validate;
use seismic_queue::{
    Access, AppendTimes, Diagnose, Error, Finding, HeldBack, Hold, ImportLog, KnownProducers,
    Member, Need, Offset, OpenTransaction, Partition, Policy, Producer, Queue, Reader, Result,
    Retained, Retention, Source, Span, Topic,
};

/// A RocketMQ cluster as a queue.
#[derive(Debug)]
pub struct RocketQueue {
    name: String,
    client: Mutex<Client>,
    /// Name under which the brokers know the job that reads; see [`Queue::hold`].
    group: Arc<Mutex<String>>,
    /// Makes what decides for a reader which messages it gives; `None`: all.
    rule: Option<fn() -> Keeps>,
}

impl RocketQueue {
    /// The cluster of these nameservers. Nothing is asked of it yet.
    ///
    /// # Errors
    /// When credentials or certificates are named that cannot be used.
    pub fn open(nameservers: &Nameservers) -> Result<RocketQueue> {
        Ok(RocketQueue {
            name: nameservers.to_string(),
            client: Mutex::new(Client::new(nameservers)?),
            group: Arc::new(Mutex::new(TOOLS_GROUP.to_owned())),
            rule: None,
        })
    }

    /// The same, with readers that give only what a new `rule` for each keeps.
    #[must_use]
    pub fn reading_by(self, rule: fn() -> Keeps) -> Self {
        RocketQueue { rule: Some(rule), ..self }
    }

    /// Settings of each broker's master, by the broker's name.
    fn broker_settings(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
        let mut client = self.client();
        let masters = client.cluster()?.masters;
        let of = |(name, at): (String, String)| Ok((name, client.broker_config(&at)?));
        masters.into_iter().map(of).collect()
    }

    /// A way into `topic` for one who keeps track himself.
    ///
    /// # Errors
    /// [`Error::TopicMissing`].
    pub fn outlet(&self, topic: &Topic) -> Result<TopicWriter> {
        Ok(TopicWriter::new(self.log(topic)?))
    }

    /// A reader that gives only the messages that `keeps` says.
    ///
    /// # Errors
    /// As [`Queue::reader`].
    pub fn reader_keeping(
        &self,
        topic: &Topic,
        at: &[(Partition, Offset)],
        keeps: Option<Keeps>,
    ) -> Result<Box<dyn Reader>> {
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
        let group = TOOLS_GROUP.to_owned();
        Ok(Box::new(TopicReader::new(self.log(topic)?, group, at).keeping(keeps)))
    }

    /// A call that panicked leaves the client usable: a lost connection is recreated.
    fn client(&self) -> MutexGuard<'_, Client> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic with connections of its own.
    fn log(&self, topic: &Topic) -> Result<TopicQueues> {
        let client = self.client().another();
        TopicQueues::open(client, &self.name, topic)
    }

    fn find(&self, name: &str) -> Result<Option<Topic>> {
        Ok(self.client().route(name)?.map(|route| topic_of(name, &route)))
    }

    /// Spreads the queues of a new topic over all brokers.
    fn make(&self, name: &str, partitions: u32) -> Result<()> {
        let mut client = self.client();
        let masters = client.cluster()?.masters;
        let count = masters.len() as u32;
        if count == 0 {
            return Err(Error::Busy { at: self.name.clone(), doing: "waiting for a broker" });
        }
        for (i, at) in (0..).zip(masters.values()) {
            let queues = partitions / count + u32::from(i < partitions % count);
            if queues > 0 {
                client.create_topic(at, name, queues)?;
            }
        }
        Ok(())
    }
}

fn is_denied(error: &Error) -> bool {
    error.of_backend().is_some_and(crate::Error::is_denied)
}

impl Queue for RocketQueue {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        let mut names = self.client().topics()?;
        names.retain(|name| !is_internal(name));
        names.sort();
        let mut topics = Vec::new();
        for name in names {
            // Brokers and clusters are in the list as topics too, without queues of their own.
            topics.extend(self.find(&name)?);
        }
        Ok(topics)
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        let missing = || Error::TopicMissing { topic: name.to_owned(), at: self.name.clone() };
        self.find(name)?.ok_or_else(missing)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        validate::new_topic(name, partitions)?;
        if name.contains('.') {
            let (name, why) = (name.to_owned(), "RocketMQ takes no dots");
            return Err(Error::Name { name, why });
        }
        if let Some(topic) = self.find(name)? {
            return validate::same_topic(topic, partitions);
        }
        self.make(name, partitions)?;
        let asked = Instant::now();
        loop {
            match self.find(name)? {
                Some(topic) if topic.partitions >= partitions => {
                    return validate::same_topic(topic, partitions);
                }
                _ if asked.elapsed() > limits::TOPIC_KNOWN => return self.topic(name),
                _ => thread::sleep(limits::ASK_AGAIN),
            }
        }
    }

    /// Brokers and nameservers forget a topic one by one, consumers keep their offsets of it, and one that
    /// is made again has the same name to all of them: that is for RocketMQ's own tools.
    fn delete(&self, _topic: &Topic) -> Result<()> {
        let why = "RocketMQ's protocol deletes a topic broker by broker, and keeps offsets of it; use \
                   its own mqadmin deleteTopic";
        Err(Error::NoTopicDeletion { at: self.name(), why })
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.log(topic)?.spans()
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        validate::partition(topic, partition)?;
        self.log(topic)?.offset_at(partition, time_ms)
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        Ok(Box::new(RocketProducer::new(self.log(topic)?, id)?))
    }

    /// Those whose messages are among the last of each partition.
    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        producer_recovery::known(&mut self.log(topic)?).map(Some)
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.reader_keeping(topic, at, self.rule.map(|rule| rule()))
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        partitions.iter().try_for_each(|&partition| validate::partition(topic, partition))?;
        let reader = OffsetReporter::new(self.log(topic)?, Arc::clone(&self.group));
        Ok(Box::new(AssignedSource::new(reader, partitions)))
    }

    fn member(&self, _: &Topic, _: &Member) -> Result<Box<dyn Source>> {
        Err(Error::NoGroups { at: self.name() })
    }

    fn import_log(&self, _topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        Ok(None)
    }
}

impl Retention for RocketQueue {
    /// Nothing is held: the broker deletes by its own rules. The holder's name, up to the first
    /// blank, becomes the consumer group under which sources read from now on.
    fn hold(&self, topic: &Topic, holder: &str, at: &[(Partition, Offset)]) -> Result<()> {
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))?;
        let group = group_of(holder);
        if !group.is_empty() && !at.is_empty() {
            *self.group.lock().unwrap_or_else(PoisonError::into_inner) = group;
        }
        Ok(())
    }

    fn holds(&self, _: &Topic) -> Result<Vec<Hold>> {
        Ok(Vec::new())
    }

    fn policy(&self, _: &Topic) -> Result<Policy> {
        Ok(Policy::default())
    }

    fn set_policy(&self, _: &Topic, _: Policy) -> Result<()> {
        Err(RocketError::BrokersOwn { what: "retention" }.into())
    }

    /// Nothing is held here.
    fn held(&self, _: &Topic) -> Result<Vec<HeldBack>> {
        Ok(Vec::new())
    }

    fn retain(&self, topic: &Topic, past_holds: bool) -> Result<Vec<Retained>> {
        if past_holds {
            return Err(RocketError::BrokersOwn { what: "retention" }.into());
        }
        let none = |partition| Retained { partition, deleted: 0, held_by: None };
        Ok(topic.all().map(none).collect())
    }

    /// Readers hold what they need.
    fn trim(&self, _topic: &Topic, _below: &[(Partition, Offset)]) -> Result<()> {
        Ok(())
    }
}

impl Diagnose for RocketQueue {
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
        match self.broker_settings() {
            Ok(settings) => Ok(examine::brokers(&settings)),
            Err(error) if is_denied(&error) => Ok(vec![Finding::warning(
                format!("the settings of the brokers cannot be read: {error}"),
                "let this account, or set ROCKETMQ_ACCESS_KEY and ROCKETMQ_SECRET_KEY; whether \
                 flushDiskType, pulls and retention are as they should be is not known",
            )]),
            Err(error) => Err(error),
        }
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        let mut needs = needs.to_vec();
        for need in &mut needs {
            if let Access::Read(Some(group)) = &mut need.access {
                *group = group_of(group);
            }
        }
        Ok(rights::examine(&mut self.client(), &needs)?)
    }

    /// There are none.
    fn open_transactions(&self, _topic: &Topic) -> Result<Vec<OpenTransaction>> {
        Ok(Vec::new())
    }

    fn look_at(&self, _transactions: &mut [OpenTransaction]) {}
}

/// Name of the consumer group of a holder.
fn group_of(holder: &str) -> String {
    holder.split(' ').next().unwrap_or_default().replace('.', "_")
}

/// Whether a topic is the brokers' own (`TopicValidator`, `MixAll`), or of a kind that our names
/// cannot be.
fn is_internal(name: &str) -> bool {
    const OWN: &[&str] = &[
        "TBW102",
        "SCHEDULE_TOPIC_XXXX",
        "BenchmarkTest",
        "OFFSET_MOVED_EVENT",
        "SELF_TEST_TOPIC",
        "TRANS_CHECK_MAX_TIME_TOPIC",
    ];
    OWN.contains(&name)
        || name.starts_with("RMQ_SYS_")
        || name.starts_with("rmq_sys_")
        || name.ends_with("_REPLY_TOPIC")
        || Topic::check_name(name).is_err()
}
