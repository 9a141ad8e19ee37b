//! Checkpoint names in memory, and requests for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::backend::validate;
use crate::message::new_id;
use crate::{CheckpointRequest, Error, Job, Partition, PartitionCommit, Result};

/// The names of one store.
pub(super) struct Names {
    /// Partitions of the job.
    partitions: usize,
    /// Number of the checkpoint in each partition.
    given: BTreeMap<String, BTreeMap<Partition, u64>>,
    /// Names that not every partition has answered, with the id of the question.
    requests: BTreeMap<String, String>,
}

impl Names {
    pub(super) fn of_job(job: &Job) -> Self {
        let partitions = job.partitions() as usize;
        Names { partitions, given: BTreeMap::new(), requests: BTreeMap::new() }
    }

    /// More partitions are requests from now on.
    pub(super) fn rescale(&mut self, job: &Job) {
        self.partitions = job.partitions() as usize;
    }

    pub(super) fn check_new(&self, at: &str, name: &str) -> Result<()> {
        validate::checkpoint_name(name)?;
        if self.given.contains_key(name) || self.requests.contains_key(name) {
            return Err(Error::NameTaken { at: at.to_owned(), name: name.to_owned() });
        }
        let all: BTreeSet<_> = self.given.keys().chain(self.requests.keys()).collect();
        validate::room_for_name(at, name, all.into_iter().map(String::as_str))
    }

    pub(super) fn request(&mut self, at: &str, name: &str) -> Result<()> {
        self.check_new(at, name)?;
        self.requests.insert(name.to_owned(), new_id());
        Ok(())
    }

    pub(super) fn requests(&self) -> Vec<CheckpointRequest> {
        let requests = self.requests.iter().map(|(name, id)| CheckpointRequest {
            id: id.clone(),
            name: name.clone(),
            answered: self.given.get(name).into_iter().flatten().map(|(&at, _)| at).collect(),
        });
        requests.collect()
    }

    pub(super) fn withdraw(&mut self, name: &str) -> Option<CheckpointRequest> {
        let requests = self.requests().into_iter().find(|requests| requests.name == name)?;
        self.requests.remove(name);
        self.given.remove(name);
        Some(requests)
    }

    pub(super) fn put(&mut self, name: &str, checkpoints: BTreeMap<Partition, u64>) {
        self.given.insert(name.to_owned(), checkpoints);
    }

    pub(super) fn delete(&mut self, at: &str, name: &str) -> Result<()> {
        if self.withdraw(name).is_some() || self.given.remove(name).is_some() {
            return Ok(());
        }
        Err(Error::NameMissing { at: at.to_owned(), name: name.to_owned() })
    }

    /// Names the checkpoint that a commit seals.
    pub(super) fn name_sealed(&mut self, commit: &PartitionCommit) {
        let Some(manifest) = &commit.manifest else {
            return;
        };
        let answered = self.requests.iter().filter(|(_, id)| commit.answers.contains(id));
        let answered: Vec<_> = answered.map(|(name, _)| name.clone()).collect();
        for name in answered.into_iter().chain(commit.name.clone()) {
            let given = self.given.entry(name.clone()).or_default();
            given.entry(commit.partition).or_insert(manifest.checkpoint);
            if given.len() == self.partitions {
                self.requests.remove(&name);
            }
        }
    }

    /// Forgets names that a checkpoint of `partition` after that number has.
    pub(super) fn cut(&mut self, partition: Partition, number: u64) {
        self.given.retain(|_, given| given.get(&partition).is_none_or(|&its| its <= number));
    }

    /// Names of one checkpoint.
    pub(super) fn of(&self, partition: Partition, checkpoint: u64) -> Vec<String> {
        let is_it = |given: &BTreeMap<Partition, u64>| given.get(&partition) == Some(&checkpoint);
        let named = self.given.iter().filter(|(_, given)| is_it(given));
        named.map(|(name, _)| name.clone()).collect()
    }
}
