//! The queue: topics of a cluster.

pub(crate) mod fetcher;
mod import_log;
mod import_notes;
mod producer;
mod producer_recovery;
mod rights;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use self::fetcher::Fetcher;
use self::import_log::KafkaImportLog;
use self::import_notes::ImportNotes;
use self::producer::KafkaProducer;
use crate::ClusterAddress;
use crate::client::admin::{Admin, INPUT, KEPT};
use crate::client::cluster::Cluster;
use crate::examine;
use crate::group::member::GroupSource;
use crate::group::start_gate::StartGate;
use crate::store::job_topic;
use crate::store::tables::record as table_record;
use crate::store::trim::{self, CHECKPOINTS};
use seismic_queue::backend::assigned_source::AssignedSource;
use seismic_queue::backend::validate;
use seismic_queue::{
    AppendTimes, Diagnose, Error, Finding, HeldBack, Hold, ImportLog, KnownProducers, Member, Need,
    Offset, OpenTransaction, Partition, Policy, Producer, Queue, Reader, Result, Retained,
    Retention, Source, Span, Topic,
};

/// A Kafka cluster as a queue, or the topics of a store in it.
pub struct KafkaQueue {
    pub(crate) cluster: Cluster,
    /// Only commits append to the topics of a store.
    is_store: bool,
    /// What is known of imports, by the id of their topic.
    imports: Mutex<HashMap<String, Arc<Mutex<ImportNotes>>>>,
    /// Through which slots begin together, by group: gone with the last of them.
    gates: Mutex<HashMap<String, Weak<StartGate>>>,
}

impl KafkaQueue {
    /// Connects to the cluster.
    ///
    /// # Errors
    /// [`Error::Setting`](seismic_queue::Error::Setting) for a setting that cannot be used,
    /// [`Error::Unreachable`](seismic_queue::Error::Unreachable) when no broker answers.
    pub fn open(address: &ClusterAddress) -> Result<KafkaQueue> {
        Ok(KafkaQueue { is_store: false, ..KafkaQueue::of_store(Cluster::open(address)?) })
    }

    /// The topics of a store: read by everyone, written by commits alone.
    pub(crate) fn of_store(cluster: Cluster) -> KafkaQueue {
        let (imports, gates) = (Mutex::default(), Mutex::default());
        KafkaQueue { cluster, is_store: true, imports, gates }
    }

    fn refuse_in_a_store(&self) -> Result<()> {
        match self.is_store {
            true => Err(Error::CommitsOnly { at: self.name() }),
            false => Ok(()),
        }
    }

    /// Longest message that a topic takes.
    fn message_bytes(&self, topic: &Topic) -> Result<usize> {
        let settings = Admin::new(&self.cluster)?.settings(&topic.name)?;
        let bytes = settings.get("max.message.bytes").and_then(|bytes| bytes.parse().ok());
        Ok(bytes.unwrap_or(1 << 20))
    }

    /// The notes of imports into a topic, which all who ask for them share.
    fn import_notes(&self, topic: &Topic) -> Result<Arc<Mutex<ImportNotes>>> {
        let mut imports = self.imports.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notes) = imports.get(&topic.id) {
            return Ok(notes.clone());
        }
        let notes = Arc::new(Mutex::new(ImportNotes::new(&self.cluster, topic)?));
        imports.insert(topic.id.clone(), notes.clone());
        Ok(notes)
    }

    /// Through which the slots of a member's worker begin.
    fn gate(&self, member: &Member) -> Arc<StartGate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let known = gates.get(&member.group).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let gate = Arc::new(StartGate::new(member.slots));
            gates.insert(member.group.clone(), Arc::downgrade(&gate));
            gate
        })
    }

    fn has(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<()> {
        self.cluster.check(topic)?;
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))
    }
}

/// Why a topic is not deleted that all jobs of a cluster share.
fn kept_for_all(topic: &str) -> Option<&'static str> {
    match topic {
        CHECKPOINTS => Some("it keeps the checkpoints of all jobs of the cluster"),
        job_topic::TOPIC => Some("it keeps what all jobs of the cluster are"),
        table_record::TOPIC => Some("it keeps tables that jobs of the cluster look things up in"),
        import_notes::TOPIC => Some("it keeps what was imported into all topics of the cluster"),
        _ => None,
    }
}

impl Queue for KafkaQueue {
    fn name(&self) -> String {
        self.cluster.at.clone()
    }

    fn topics(&self) -> Result<Vec<Topic>> {
        self.cluster.topics()
    }

    fn topic(&self, name: &str) -> Result<Topic> {
        Topic::check_name(name)?;
        self.cluster.topic(name)
    }

    fn create(&self, name: &str, partitions: u32) -> Result<Topic> {
        self.refuse_in_a_store()?;
        validate::new_topic(name, partitions)?;
        let admin = Admin::new(&self.cluster)?;
        let topic = match self.cluster.topic(name) {
            Ok(topic) => topic,
            Err(Error::TopicMissing { .. }) => {
                admin.create(name, partitions, &[KEPT, INPUT].concat())?
            }
            Err(error) => return Err(error),
        };
        admin.check_input(name)?;
        validate::same_topic(topic, partitions)
    }

    fn delete(&self, topic: &Topic) -> Result<()> {
        self.refuse_in_a_store()?;
        self.cluster.check(topic)?;
        match kept_for_all(&topic.name) {
            Some(why) => Err(Error::NoTopicDeletion { at: self.name(), why }),
            None => Admin::new(&self.cluster)?.delete_topic(&topic.name),
        }
    }

    fn spans(&self, topic: &Topic) -> Result<Vec<Span>> {
        self.cluster.check(topic)?;
        self.cluster.spans(topic)
    }

    fn offset_at(&self, topic: &Topic, partition: Partition, time_ms: i64) -> Result<Offset> {
        validate::partition(topic, partition)?;
        // Times below 0 mean something else to Kafka, and messages have none such.
        let found = self.cluster.at_times(topic, [partition].into_iter(), time_ms.max(0))?;
        match found.first().copied().flatten() {
            Some(offset) => Ok(offset),
            None => self.cluster.end_patiently(&topic.name, partition),
        }
    }

    fn producer(&self, topic: &Topic, id: &str) -> Result<Box<dyn Producer>> {
        self.refuse_in_a_store()?;
        self.cluster.check(topic)?;
        let bytes = self.message_bytes(topic)?;
        Ok(Box::new(KafkaProducer::new(&self.cluster, topic, id, bytes)?))
    }

    /// The producers that the cluster has offsets of. Any other starts from its first message.
    fn known_producers(&self, topic: &Topic) -> Result<Option<KnownProducers>> {
        let groups = self.cluster.groups()?;
        let of_topic = |group: &String| Some(producer_recovery::id(topic, group)?.to_owned());
        let ids = groups.iter().filter_map(of_topic).collect();
        Ok(Some(KnownProducers { ids, are_all: false }))
    }

    fn import_log(&self, topic: &Topic) -> Result<Option<Box<dyn ImportLog>>> {
        self.refuse_in_a_store()?;
        self.cluster.check(topic)?;
        let (bytes, notes) = (self.message_bytes(topic)?, self.import_notes(topic)?);
        Ok(Some(Box::new(KafkaImportLog::new(&self.cluster, topic, bytes, notes))))
    }

    fn reader(&self, topic: &Topic, at: &[(Partition, Offset)]) -> Result<Box<dyn Reader>> {
        self.has(topic, at)?;
        Ok(Box::new(Fetcher::at(&self.cluster, topic, at)?))
    }

    fn source(&self, topic: &Topic, partitions: &[Partition]) -> Result<Box<dyn Source>> {
        self.cluster.check(topic)?;
        partitions.iter().try_for_each(|&partition| validate::partition(topic, partition))?;
        let reader = Fetcher::new(&self.cluster, topic);
        Ok(Box::new(AssignedSource::new(reader, partitions)))
    }

    fn member(&self, topic: &Topic, member: &Member) -> Result<Box<dyn Source>> {
        self.cluster.check(topic)?;
        let gate = self.gate(member);
        Ok(Box::new(GroupSource::join(&self.cluster, topic, member, gate)?))
    }
}

impl Retention for KafkaQueue {
    /// Kafka keeps by its own rules; see the module.
    fn hold(&self, topic: &Topic, _: &str, at: &[(Partition, Offset)]) -> Result<()> {
        at.iter().try_for_each(|&(partition, _)| validate::partition(topic, partition))
    }

    fn holds(&self, topic: &Topic) -> Result<Vec<Hold>> {
        if topic.name == CHECKPOINTS { trim::holds(&self.cluster, topic) } else { Ok(Vec::new()) }
    }

    fn policy(&self, topic: &Topic) -> Result<Policy> {
        let settings = Admin::new(&self.cluster)?.settings(&topic.name)?;
        // -1 is without limit, and no number of ours.
        let limit = |key| settings.get(key).and_then(|value: &String| value.parse().ok());
        Ok(Policy { max_age_ms: limit("retention.ms"), max_bytes: limit("retention.bytes") })
    }

    fn set_policy(&self, topic: &Topic, policy: Policy) -> Result<()> {
        if topic.name == CHECKPOINTS && policy != Policy::default() {
            return Err(Error::FixedRetention { topic: topic.name.clone() });
        }
        let limit = |limit: Option<u64>| limit.map_or("-1".to_owned(), |limit| limit.to_string());
        let (age, bytes) = (limit(policy.max_age_ms), limit(policy.max_bytes));
        let settings = [("retention.ms", age), ("retention.bytes", bytes)];
        Admin::new(&self.cluster)?.set(&topic.name, &settings)
    }

    /// Nothing is held here.
    fn held(&self, _: &Topic) -> Result<Vec<HeldBack>> {
        Ok(Vec::new())
    }

    fn trim(&self, topic: &Topic, below: &[(Partition, Offset)]) -> Result<()> {
        let spans = self.spans(topic)?;
        let is_there = |(partition, offset): &&(Partition, Offset)| {
            spans.get(partition.0 as usize).is_some_and(|span| *offset > span.first)
        };
        let below: Vec<_> = below.iter().filter(is_there).copied().collect();
        if below.is_empty() {
            return Ok(());
        }
        Admin::new(&self.cluster)?.delete_records(&topic.name, &below)
    }

    /// The brokers do it, some minutes later; but the checkpoint topic is trimmed here.
    fn retain(&self, topic: &Topic, _: bool) -> Result<Vec<Retained>> {
        if topic.name == CHECKPOINTS {
            return trim::trim(&self.cluster, topic);
        }
        let nothing = |partition| Retained { partition, deleted: 0, held_by: None };
        Ok(topic.all().map(nothing).collect())
    }
}

impl Diagnose for KafkaQueue {
    fn check_place(&self) -> Result<()> {
        Ok(())
    }

    /// A question that is not answered, or by a broker that does not know yet, says nothing.
    fn check_topic(&self, topic: &Topic) -> Result<()> {
        match self.cluster.topic(&topic.name) {
            Ok(now) if now.id != topic.id => {
                Err(Error::TopicRemade { topic: now.name, at: self.cluster.at.clone() })
            }
            Ok(now) if now.partitions > topic.partitions => {
                Err(validate::widened(&self.cluster.at, topic, now.partitions))
            }
            _ => Ok(()),
        }
    }

    fn append_times(&self, topic: &Topic) -> Result<AppendTimes> {
        Admin::new(&self.cluster)?.check_input(&topic.name)
    }

    fn examine(&self, topic: Option<&Topic>) -> Result<Vec<Finding>> {
        let admin = Admin::new(&self.cluster)?;
        let brokers = self.cluster.brokers()?;
        let settings = brokers.iter().map(|&number| (number, admin.broker_settings(number)));
        let mut findings = examine::brokers(settings);
        // A single broker has no room for copies. What is not there yet is made with the first
        // commit.
        let commits = examine::COMMITS.iter().copied().filter(|_| brokers.len() > 1);
        for name in topic.iter().map(|topic| &*topic.name).chain(commits) {
            let replicas = self.cluster.replicas(name)?;
            if replicas.is_empty() {
                continue;
            }
            let settings = admin.settings(name)?;
            if topic.is_some_and(|topic| topic.name == name) {
                findings.extend(examine::topic(name, &settings));
            }
            let min_in_sync = settings.get("min.insync.replicas").map(String::as_str);
            findings.extend(examine::replicas(name, min_in_sync, &replicas));
        }
        Ok(findings)
    }

    fn open_transactions(&self, topic: &Topic) -> Result<Vec<OpenTransaction>> {
        self.cluster.open_transactions(topic)
    }

    fn look_at(&self, transactions: &mut [OpenTransaction]) {
        self.cluster.look_at(transactions);
    }

    fn examine_rights(&self, needs: &[Need]) -> Result<Vec<Finding>> {
        rights::examine(&self.cluster, needs)
    }
}
