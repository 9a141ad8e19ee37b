//! The topics of a queue or store in memory.

use std::collections::BTreeMap;

use super::log::TopicLog;
use crate::backend::append_dedup::recognised;
use crate::backend::validate;
use crate::failpoints::{APPEND_AFTER, APPEND_IN_TRANSACTION, pass};
use crate::message::new_id;
use crate::{Append, Appended, Error, Result, Topic};

/// The topics behind one handle, by name.
#[derive(Default)]
pub(super) struct Topics {
    by_name: BTreeMap<String, TopicLog>,
    /// Counts changes, for readers that wait for one.
    pub(super) version: u64,
}

impl Topics {
    pub(super) fn all(&self) -> Vec<Topic> {
        self.by_name.values().map(|log| log.topic.clone()).collect()
    }

    pub(super) fn named(&self, at: &str, name: &str) -> Result<Topic> {
        match self.by_name.get(name) {
            Some(log) => Ok(log.topic.clone()),
            None => Err(Error::TopicMissing { topic: name.to_owned(), at: at.to_owned() }),
        }
    }

    /// The log of exactly that topic, not of a later one with its name.
    pub(super) fn topic(&mut self, at: &str, topic: &Topic) -> Result<&mut TopicLog> {
        match self.by_name.get_mut(&topic.name) {
            Some(log) if log.topic.id == topic.id => Ok(log),
            _ => Err(Error::TopicMissing { topic: topic.name.clone(), at: at.to_owned() }),
        }
    }

    /// The topic of that name, made if it is missing.
    pub(super) fn create(&mut self, name: &str, partitions: u32) -> Topic {
        let make = || TopicLog::new(Topic { name: name.to_owned(), id: new_id(), partitions });
        self.by_name.entry(name.to_owned()).or_insert_with(make).topic.clone()
    }

    /// Deletes exactly that topic.
    pub(super) fn delete(&mut self, at: &str, topic: &Topic) -> Result<()> {
        self.topic(at, topic)?;
        self.by_name.remove(&topic.name);
        self.version += 1;
        Ok(())
    }

    /// Adds partitions to the topic until it has that many.
    pub(super) fn widen(&mut self, at: &str, topic: &Topic, partitions: u32) -> Result<Topic> {
        let log = self.topic(at, topic)?;
        log.widen(partitions);
        Ok(log.topic.clone())
    }

    /// Appends all or, when one of them is refused, none.
    pub(super) fn append(
        &mut self,
        at: &str,
        topic: &Topic,
        producer: &str,
        appends: &[Append<'_>],
        now_ms: i64,
    ) -> Result<Appended> {
        let log = self.topic(at, topic)?;
        let mut expected = BTreeMap::new();
        let mut skips = Vec::with_capacity(appends.len());
        for append in appends {
            validate::partition(topic, append.partition)?;
            let next = expected
                .entry(append.partition)
                .or_insert_with(|| log.at(append.partition).next_sequence(producer));
            let skip = recognised(topic, producer, append, *next)?;
            *next += u64::from(append.block.count() - skip);
            skips.push(skip);
        }
        pass(at, APPEND_IN_TRANSACTION)?;
        let mut appended = Appended::default();
        for (append, skip) in appends.iter().zip(skips) {
            let partition = log.at_mut(append.partition);
            let written = partition.append(append.block, skip, now_ms);
            partition.produced(producer, written);
            appended.written += written;
            appended.recognised += u64::from(skip);
        }
        self.version += 1;
        pass(at, APPEND_AFTER)?;
        Ok(appended)
    }
}
