//! The state of a store in memory besides the logs of its topics, and its transitions.

use std::collections::BTreeMap;
use std::sync::Weak;

use super::log::{PartitionLog, TopicLog};
use super::names::Names;
use super::partition::PartitionState;
use super::topics::Topics;
use crate::backend::commit_order::LastCommit;
use crate::backend::validate;
use crate::failpoints::{COMMIT_IN_TRANSACTION, REWIND_IN_TRANSACTION, pass};
use crate::message::new_id;
use crate::{
    Commit, Error, Hold, Job, KeyedBlock, Offset, OutputSpec, OutputView, Partition, PartitionView,
    Result, Rewind, SinkPosition, TableVersion, Topic, View,
};

/// What a store knows besides its topics.
pub(super) struct StoreState {
    pub(super) id: String,
    pub(super) job: Job,
    /// The job as it is once a commit has restarted it with partitions that were added to its
    /// input.
    pub(super) widened: Option<Job>,
    pub(super) epoch: u64,
    /// Alive as long as the owner or one of its committers is.
    pub(super) lease: Weak<()>,
    /// Topics of the outputs, in the job's order.
    outputs: Vec<Topic>,
    partitions: Vec<PartitionState>,
    pub(super) names: Names,
    /// What sinks keep besides their positions, by sink and key.
    pub(super) sink_states: BTreeMap<(String, String), Vec<u8>>,
    /// Versions of tables, in the order in which they were stored.
    pub(super) tables: Vec<(TableVersion, Vec<u8>)>,
    /// Notes of tables, which `status` shows.
    pub(super) table_notes: BTreeMap<String, Vec<u8>>,
}

impl StoreState {
    pub(super) fn new(topics: &mut Topics, job: &Job) -> Self {
        let create = |output: &OutputSpec| topics.create(&output.topic, job.partitions_of(output));
        StoreState {
            id: new_id(),
            job: job.clone(),
            widened: None,
            epoch: 0,
            lease: Weak::new(),
            outputs: job.outputs.iter().map(create).collect(),
            partitions: job.input().all().map(|_| PartitionState::default()).collect(),
            names: Names::of_job(job),
            sink_states: BTreeMap::new(),
            tables: Vec::new(),
            table_notes: BTreeMap::new(),
        }
    }

    /// Has room for the partitions of `job`; the next commit must have them all.
    pub(super) fn rescale(&mut self, at: &str, topics: &mut Topics, job: &Job) -> Result<()> {
        for (topic, output) in self.outputs.iter_mut().zip(&job.outputs) {
            *topic = topics.widen(at, topic, job.partitions_of(output))?;
        }
        self.partitions.resize_with(job.partitions() as usize, PartitionState::default);
        self.widened = Some(job.clone());
        Ok(())
    }

    /// The topic of the output at that place, which sinks read.
    pub(super) fn output(&self, at: &str, output: usize) -> Result<&Topic> {
        let missing = || {
            let topic = format!("output {output}");
            Error::TopicMissing { at: at.to_owned(), topic }
        };
        self.outputs.get(output).ok_or_else(missing)
    }

    /// The job that the next commit is of.
    fn coming_job(&self) -> &Job {
        self.widened.as_ref().unwrap_or(&self.job)
    }

    pub(super) fn at(&self, partition: Partition) -> Result<&PartitionState> {
        validate::partition(self.coming_job().input(), partition)?;
        Ok(&self.partitions[partition.0 as usize])
    }

    pub(super) fn at_mut(&mut self, partition: Partition) -> Option<&mut PartitionState> {
        self.partitions.get_mut(partition.0 as usize)
    }

    /// Deletes the checkpoints that nothing keeps.
    pub(super) fn prune(&mut self) {
        for (partition, state) in self.job.input().all().zip(&mut self.partitions) {
            state.prune(partition, &self.names);
        }
    }

    pub(super) fn fence(&self, at: &str, ours: u64) -> Result<()> {
        match self.epoch == ours {
            true => Ok(()),
            false => Err(Error::Fenced { at: at.to_owned(), ours, theirs: self.epoch }),
        }
    }

    /// All of it as it is now.
    pub(super) fn view(&self, at: &str, topics: &mut Topics) -> Result<View> {
        let mut sinks = Vec::new();
        for (output, topic) in self.outputs.iter().enumerate() {
            let holds: Vec<Hold> = topics.topic(at, topic)?.holds().collect();
            sinks.extend(SinkPosition::of_holds(output, &holds));
        }
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for (partition, state) in self.job.input().all().zip(&self.partitions) {
            let mut outputs = Vec::with_capacity(self.outputs.len());
            for (output, topic) in self.job.outputs.iter().zip(&self.outputs) {
                outputs.push(match output.is_keyed() {
                    true => OutputView::default(),
                    false => topics.topic(at, topic)?.at(partition).view(),
                });
            }
            let next = state.last_commit.next_sequence;
            partitions.push(PartitionView {
                progress: state.progress.clone(),
                outputs,
                journal: state.journal.first().map_or(next, |entry| entry.sequence)..next,
                checkpoints: state.infos(partition, &self.names),
            });
        }
        let mut keyed = Vec::with_capacity(self.outputs.len());
        for (output, topic) in self.job.outputs.iter().zip(&self.outputs) {
            keyed.push(match output.is_keyed() {
                true => {
                    topics.topic(at, topic)?.partitions.iter().map(PartitionLog::view).collect()
                }
                false => Vec::new(),
            });
        }
        let (id, job) = (self.id.clone(), self.job.clone());
        Ok(View { id, job, partitions, keyed, sinks, checkpoint_requests: self.names.requests() })
    }

    /// Names the newest checkpoint of every partition.
    pub(super) fn name_newest(&mut self, at: &str, name: &str) -> Result<()> {
        self.names.check_new(at, name)?;
        let mut newest = BTreeMap::new();
        for (partition, state) in self.job.input().all().zip(&self.partitions) {
            let Some((&number, _)) = state.checkpoints.last_key_value() else {
                return Err(Error::NothingToName { at: at.to_owned(), partition });
            };
            newest.insert(partition, number);
        }
        self.names.put(name, newest);
        Ok(())
    }

    /// Makes a commit: all of it or, when it does not continue from what is stored, nothing.
    pub(super) fn commit(
        &mut self,
        at: &str,
        topics: &mut Topics,
        commit: &Commit,
        now_ms: i64,
    ) -> Result<()> {
        if let Some(job) = &self.widened {
            validate::all_partitions(at, commit, job.partitions())?;
        }
        let mut last_commits: BTreeMap<Partition, LastCommit> = BTreeMap::new();
        for new in &commit.partitions {
            validate::shape(at, self.coming_job(), new)?;
            let stored = &self.at(new.partition)?.last_commit;
            let last_commit = last_commits.get(&new.partition).unwrap_or(stored).clone();
            last_commits.insert(new.partition, last_commit.after(at, new)?);
        }
        pass(at, COMMIT_IN_TRANSACTION)?;
        for new in &commit.partitions {
            for (topic, rows) in
                self.outputs.iter().zip(&new.outputs).filter(|(_, rows)| !rows.is_empty())
            {
                topics.topic(at, topic)?.at_mut(new.partition).append(rows, 0, now_ms);
            }
            for KeyedBlock { output, partition, rows } in &new.keyed {
                let log = topics.topic(at, &self.outputs[*output])?.at_mut(*partition);
                log.append_of(rows, 0, now_ms, Some(new.partition));
            }
            let state = &mut self.partitions[new.partition.0 as usize];
            let last_commit = last_commits.get(&new.partition).cloned().unwrap_or_default();
            state.apply(last_commit, new, now_ms, &mut self.names);
        }
        if let Some(job) = self.widened.take() {
            self.names.rescale(&job);
            self.job = job;
        }
        topics.version += 1;
        Ok(())
    }

    /// Deletes the journal entries before `below` that no checkpoint needs.
    pub(super) fn prune_journal(&mut self, partition: Partition, below: Offset) -> Result<()> {
        validate::partition(self.job.input(), partition)?;
        let state = &mut self.partitions[partition.0 as usize];
        let oldest = state.checkpoints.values().next();
        let needed = oldest.map_or(u64::MAX, |info| info.manifest.journal_sequence);
        state.journal.retain(|entry| entry.at >= below || entry.sequence >= needed);
        Ok(())
    }

    /// Sets partitions back, all or, when one of them cannot be, none.
    pub(super) fn rewind(
        &mut self,
        at: &str,
        topics: &mut Topics,
        back: &[Rewind],
        now_ms: i64,
    ) -> Result<()> {
        let mut cuts = Vec::with_capacity(back.len());
        for back in back {
            validate::rewind_shape(at, &self.job, back)?;
            let state = self.at(back.partition)?;
            let (partition, number) = (back.partition, back.checkpoint);
            if !state.checkpoints.contains_key(&number) {
                return Err(Error::CheckpointMissing { at: at.to_owned(), partition, number });
            }
            let (expected, found) = (state.last_commit.number + 1, back.number);
            if found != expected {
                let (at, what) = (at.to_owned(), "number");
                return Err(Error::OutOfOrder { at, partition, what, expected, found });
            }
            let mut lefts = Vec::with_capacity(back.outputs.len());
            for (topic, &rows) in self.outputs.iter().zip(&back.outputs) {
                let log = topics.topic(at, topic)?;
                lefts.push(match log.partitions.get(partition.0 as usize) {
                    Some(of_it) => of_it.left_after_cut(rows),
                    None => Offset(0),
                });
            }
            for ((topic, &left), output) in self.outputs.iter().zip(&lefts).zip(&self.job.outputs) {
                if !output.is_keyed() {
                    check_sinks(at, topics.topic(at, topic)?, partition, left)?;
                }
            }
            for cut in back.keyed.iter().filter(|cut| cut.rows > 0) {
                let topic = topics.topic(at, &self.outputs[cut.output])?;
                let left = topic.at(cut.partition).first_of_last(partition, cut.rows);
                check_sinks(at, topic, cut.partition, left)?;
            }
            cuts.push(lefts);
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        for (back, lefts) in back.iter().zip(cuts) {
            for ((topic, left), rows) in self.outputs.iter().zip(lefts).zip(&back.outputs) {
                if *rows > 0 {
                    topics.topic(at, topic)?.at_mut(back.partition).cut(left);
                }
            }
            for cut in &back.keyed {
                let log = topics.topic(at, &self.outputs[cut.output])?.at_mut(cut.partition);
                log.cut_last_of(back.partition, cut.rows);
            }
            self.names.cut(back.partition, back.checkpoint);
            self.partitions[back.partition.0 as usize].set_back(back, now_ms);
        }
        self.prune();
        topics.version += 1;
        Ok(())
    }
}

/// Refuses when a sink has rows of the partition from `left` on.
fn check_sinks(at: &str, main: &TopicLog, partition: Partition, left: Offset) -> Result<()> {
    let is_beyond = |hold: &Hold| hold.partition == partition && hold.offset > left;
    match main.holds().find(is_beyond) {
        Some(hold) => Err(Error::sink_beyond(at, hold, left)),
        None => Ok(()),
    }
}
