//! Checkpoint names: requests, assigned names, and why each checkpoint is kept.
//!
//! A name is stored as a few records of the job topic (`job_topic.rs`), with lines of text
//!
//! ```text
//!  ID asked NAME              every partition is to take one; the first checkpoint that answers has it
//!  ID newest NAME NUMBERS     these have it, one for each partition
//!  ID whole NUMBERS           all have answered what was asked for: these have it
//!  ID gone                    taken back or forgotten, for good
//! ```
//!
//! The answer of a partition is part of the commit of its checkpoint: the manifest carries the id.
//! So a single record decides whether a name exists, whichever worker is killed and when. If an
//! answer and a `gone` meet, `gone` wins. If a name is assigned twice at once, the first in the log
//! wins.
//!
//! The first three have a key of their own, apart from `whole`, so compaction preserves a valid
//! order: a `gone` replaces the record that it ends.
//!
//! A worker looks at the names before each commit that may delete checkpoints. A checkpoint named
//! after that look is not deleted: it carries an id unknown to the worker, or it is the newest of
//! its partition.

pub(super) mod settled;

use std::sync::{Arc, Mutex, PoisonError};

use super::checkpoint_record::KeptCheckpoint;
use super::job_topic::JobTopic;
use crate::client::cluster::Cluster;
use seismic_queue::backend::checkpoint_retention::{Candidate, classes};
use seismic_queue::backend::validate;
use seismic_queue::message::new_id;
use seismic_queue::{CheckpointRequest, Error, Offset, Partition, Result};

/// The names of one group's checkpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct CheckpointNames {
    /// In the order in which they were written down, also those that are gone.
    all: Vec<CheckpointName>,
}

#[derive(Clone, Debug)]
struct CheckpointName {
    id: String,
    name: String,
    state: NameState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum NameState {
    Requested,
    /// Number of the checkpoint of each partition.
    Whole(Vec<u64>),
    Gone,
}

impl CheckpointNames {
    fn apply(&mut self, lines: &[String]) {
        let [id, what, rest @ ..] = lines else { return };
        let numbers = |text: &String| text.split(' ').map(|it| it.parse().unwrap_or(0)).collect();
        let known = self.all.iter_mut().find(|it| it.id == *id);
        let state = match (&**what, rest) {
            ("asked", [_]) => NameState::Requested,
            ("newest", [_, all]) => NameState::Whole(numbers(all)),
            ("whole", [all]) => match known {
                Some(name) if name.state == NameState::Requested => {
                    name.state = NameState::Whole(numbers(all));
                    return;
                }
                _ => return,
            },
            ("gone", []) => NameState::Gone,
            _ => return,
        };
        match known {
            Some(name) if state == NameState::Gone => name.state = state,
            Some(_) => {}
            None => {
                let name = rest.first().cloned().unwrap_or_default();
                self.all.push(CheckpointName { id: id.clone(), name, state });
            }
        }
    }

    /// Those that count: of two with one name, the first.
    fn living(&self) -> impl Iterator<Item = &CheckpointName> {
        let lives = |name: &CheckpointName| name.state != NameState::Gone;
        let is_first = move |&(i, name): &(usize, &CheckpointName)| {
            lives(name) && !self.all[..i].iter().any(|it| lives(it) && it.name == name.name)
        };
        self.all.iter().enumerate().filter(is_first).map(|(_, name)| name)
    }

    fn find(&self, name: &str) -> Option<&CheckpointName> {
        self.living().find(|it| it.name == name)
    }

    /// Gives the checkpoints of a partition, oldest first, their names, says why each is kept, and
    /// drops those that nothing keeps.
    pub(crate) fn settle(&self, partition: Partition, kept: &mut Vec<KeptCheckpoint>) {
        kept.iter_mut().for_each(|kept| kept.info.names.clear());
        for name in self.living() {
            let has = |kept: &&mut KeptCheckpoint| match &name.state {
                NameState::Requested => kept.answers.contains(&name.id),
                NameState::Whole(all) => all.get(partition.0 as usize) == Some(&kept.number()),
                NameState::Gone => false,
            };
            if let Some(kept) = kept.iter_mut().find(has) {
                kept.info.names.push(name.name.clone());
            }
        }
        let is_unheard_of = |id: &String| self.all.iter().all(|it| it.id != *id);
        let candidate = |kept: &KeptCheckpoint| Candidate {
            number: kept.number(),
            created_ms: kept.info.created_ms,
            keeps: kept.info.manifest.keeps,
            is_named: !kept.info.names.is_empty() || kept.answers.iter().any(is_unheard_of),
        };
        let classes = classes(&kept.iter().map(candidate).collect::<Vec<_>>());
        for (kept, class) in kept.iter_mut().zip(classes) {
            kept.info.class = class;
            kept.info.names.sort_unstable();
        }
        kept.retain(|kept| kept.info.class.is_some());
    }

    /// Whether something is asked for that may not be answered by all yet.
    pub(crate) fn is_any_requested(&self) -> bool {
        self.living().any(|it| it.state == NameState::Requested)
    }

    /// Whether that is asked for, and may not be answered by all yet.
    pub(crate) fn is_requested(&self, name: &str) -> bool {
        self.find(name).is_some_and(|it| it.state == NameState::Requested)
    }

    /// What is asked for, by name, without who has answered.
    pub(crate) fn requested(&self) -> Vec<CheckpointRequest> {
        let asked = self.living().filter(|it| it.state == NameState::Requested);
        let mut asked: Vec<CheckpointRequest> = asked
            .map(|CheckpointName { id, name, .. }| CheckpointRequest {
                id: id.clone(),
                name: name.clone(),
                answered: Vec::new(),
            })
            .collect();
        asked.sort_by(|a, b| a.name.cmp(&b.name));
        asked
    }

    /// What is asked for, by name, with who has answered among the checkpoints of all partitions;
    /// and the ids of what all have answered, with the numbers.
    pub(crate) fn requests(
        &self,
        parts: &[Vec<KeptCheckpoint>],
    ) -> (Vec<CheckpointRequest>, Vec<(String, Vec<u64>)>) {
        let (mut open, mut whole) = (Vec::new(), Vec::new());
        for CheckpointName { id, name, .. } in
            self.living().filter(|it| it.state == NameState::Requested)
        {
            let answer = |part: &Vec<KeptCheckpoint>| {
                part.iter().find(|it| it.answers.contains(id)).map(KeptCheckpoint::number)
            };
            let answers: Vec<Option<u64>> = parts.iter().map(answer).collect();
            match answers.iter().copied().collect::<Option<Vec<u64>>>() {
                Some(numbers) => whole.push((id.clone(), numbers)),
                None => {
                    let answered = (0..).map(Partition).zip(answers);
                    let answered = answered.filter(|(_, number)| number.is_some());
                    let answered = answered.map(|(partition, _)| partition).collect();
                    open.push(CheckpointRequest { id: id.clone(), name: name.clone(), answered });
                }
            }
        }
        open.sort_by(|a, b| a.name.cmp(&b.name));
        (open, whole)
    }
}

/// The names of one group's checkpoints, read again when something was written down.
pub(crate) struct CachedNames {
    cluster: Cluster,
    group: String,
    /// How long the log was, and what it said.
    seen: Mutex<(Option<Offset>, Arc<CheckpointNames>)>,
}

impl CachedNames {
    pub(crate) fn new(cluster: &Cluster, group: &str) -> Arc<CachedNames> {
        let (cluster, group) = (cluster.clone(), group.to_owned());
        Arc::new(CachedNames { cluster, group, seen: Mutex::default() })
    }

    fn jobs(&self) -> JobTopic<'_> {
        JobTopic::new(&self.cluster)
    }

    fn last(&self) -> Arc<CheckpointNames> {
        Arc::clone(&self.seen.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// As they are now, asked once: for who asks again soon, or can do without.
    pub(crate) fn now(&self) -> Result<Arc<CheckpointNames>> {
        self.read(|| self.jobs().end_of_log())
    }

    /// As they are now, however long a broker that was just restarted takes to say it.
    pub(crate) fn now_patiently(&self) -> Result<Arc<CheckpointNames>> {
        self.read(|| self.jobs().end_of_log_patiently())
    }

    fn read(&self, end: impl Fn() -> Result<Offset>) -> Result<Arc<CheckpointNames>> {
        // It is asked for as long as the job runs.
        self.cluster.idle.close_old();
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).0;
        let end = match seen.is_some() || self.jobs().is_any()? {
            true => Some(end()?),
            false => None,
        };
        if seen == end {
            return Ok(self.last());
        }
        let mut names = CheckpointNames::default();
        self.jobs().names(&self.group)?.iter().for_each(|lines| names.apply(lines));
        let names = Arc::new(names);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // It may have grown since it was asked how long it is: then it is read once more than
        // needed.
        if end >= seen.0 {
            *seen = (end, Arc::clone(&names));
        }
        Ok(names)
    }

    /// Asks for a checkpoint of every partition.
    pub(crate) fn request(&self, name: &str) -> Result<()> {
        self.put_new(name, "asked", None).map(drop)
    }

    /// Names a checkpoint of every partition. Gives the id of the name.
    pub(crate) fn name(&self, name: &str, numbers: &[u64]) -> Result<String> {
        self.put_new(name, "newest", Some(numbers))
    }

    fn put_new(&self, name: &str, what: &str, numbers: Option<&[u64]>) -> Result<String> {
        self.check_new(name)?;
        let (id, name) = (new_id(), name.to_owned());
        let mut lines = vec![id.clone(), what.to_owned(), name.clone()];
        lines.extend(numbers.map(joined));
        self.jobs().put_name(&self.group, &id, &lines)?;
        if self.now()?.find(&name).is_some_and(|it| it.id == id) {
            return Ok(id);
        }
        self.end(&id)?;
        Err(Error::NameTaken { at: self.cluster.at.clone(), name })
    }

    /// Whether the name can be given.
    pub(crate) fn check_new(&self, name: &str) -> Result<()> {
        validate::checkpoint_name(name)?;
        let (names, at) = (self.now()?, self.cluster.at.clone());
        if names.find(name).is_some() {
            return Err(Error::NameTaken { at, name: name.to_owned() });
        }
        validate::room_for_name(&at, name, names.living().map(|it| it.name.as_str()))
    }

    /// Writes down that all have answered. Whoever sees it does.
    pub(crate) fn complete(&self, whole: &[(String, Vec<u64>)]) -> Result<()> {
        whole.iter().try_for_each(|(id, numbers)| {
            let lines = [id.clone(), "whole".to_owned(), joined(numbers)];
            self.jobs().put_name(&self.group, &format!("{id}/whole"), &lines)
        })
    }

    /// Ends a name that was given that id.
    pub(crate) fn end(&self, id: &str) -> Result<()> {
        self.jobs().put_name(&self.group, id, &[id.to_owned(), "gone".to_owned()])
    }

    /// Ends a name, whole or not.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        let missing = || Error::NameMissing { at: self.cluster.at.clone(), name: name.to_owned() };
        let id = self.now()?.find(name).map(|it| it.id.clone()).ok_or_else(missing)?;
        self.end(&id)
    }
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
