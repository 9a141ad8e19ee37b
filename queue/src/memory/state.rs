//! What a store in memory knows beside the logs of its topics, and what changes it.

use std::collections::BTreeMap;
use std::sync::Weak;

use super::contents::Contents;
use super::names::Names;
use super::partition::PartitionState;
use crate::failpoints::{COMMIT_IN_TRANSACTION, REWIND_IN_TRANSACTION, pass};
use crate::tip::Tip;
use crate::topic::new_id;
use crate::{
    Commit, Error, Hold, Job, Offset, Partition, PartitionView, Result, Rewind, SinkPosition,
    Topic, View, check,
};

/// What a store knows beside its topics.
pub(super) struct StoreState {
    pub(super) id: String,
    pub(super) job: Job,
    /// The job as it is once a commit has begun it anew, with partitions that its input got.
    pub(super) widened: Option<Job>,
    pub(super) epoch: u64,
    /// Alive as long as the owner or one of its committers is.
    pub(super) lease: Weak<()>,
    pub(super) result: Topic,
    dead: Topic,
    rollups: Vec<Topic>,
    partitions: Vec<PartitionState>,
    pub(super) names: Names,
}

impl StoreState {
    pub(super) fn new(contents: &mut Contents, job: &Job) -> Self {
        let partitions = job.input.partitions;
        StoreState {
            id: new_id(),
            job: job.clone(),
            widened: None,
            epoch: 0,
            lease: Weak::new(),
            result: contents.create(&job.result_topic, partitions),
            dead: contents.create(&job.dead_topic, partitions),
            rollups: job
                .rollup_topics
                .iter()
                .map(|name| contents.create(name, partitions))
                .collect(),
            partitions: job.input.all().map(|_| PartitionState::default()).collect(),
            names: Names::of_job(job),
        }
    }

    /// Has room for the partitions of `job`; the next commit must have them all.
    pub(super) fn widen(&mut self, at: &str, contents: &mut Contents, job: &Job) -> Result<()> {
        let partitions = job.input.partitions;
        for topic in [&mut self.result, &mut self.dead].into_iter().chain(&mut self.rollups) {
            *topic = contents.widen(at, topic, partitions)?;
        }
        self.partitions.resize_with(partitions as usize, PartitionState::default);
        self.widened = Some(job.clone());
        Ok(())
    }

    pub(super) fn at(&self, partition: Partition) -> Result<&PartitionState> {
        check::partition(&self.widened.as_ref().unwrap_or(&self.job).input, partition)?;
        Ok(&self.partitions[partition.0 as usize])
    }

    pub(super) fn at_mut(&mut self, partition: Partition) -> Option<&mut PartitionState> {
        self.partitions.get_mut(partition.0 as usize)
    }

    /// Lets go of the checkpoints that nothing keeps.
    pub(super) fn prune(&mut self) {
        for (partition, state) in self.job.input.all().zip(&mut self.partitions) {
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
    pub(super) fn view(&self, at: &str, contents: &mut Contents) -> Result<View> {
        let holds = contents.topic(at, &self.result)?.holds();
        let sink = |Hold { holder, partition, offset }| SinkPosition {
            sink: holder,
            partition,
            next: offset,
        };
        let sinks = holds.map(sink).collect();
        let mut partitions = Vec::with_capacity(self.partitions.len());
        for (partition, state) in self.job.input.all().zip(&self.partitions) {
            let mut span = |topic| Ok(contents.topic(at, topic)?.at(partition).span());
            let next = state.tip.next_sequence;
            partitions.push(PartitionView {
                progress: state.progress.clone(),
                rows: span(&self.result)?,
                dead: span(&self.dead)?,
                rollups: self.rollups.iter().map(span).collect::<Result<_>>()?,
                rows_cut: contents.topic(at, &self.result)?.at(partition).cuts().to_vec(),
                journal: state.journal.first().map_or(next, |entry| entry.sequence)..next,
                checkpoints: state.infos(partition, &self.names),
            });
        }
        let (id, job) = (self.id.clone(), self.job.clone());
        Ok(View { id, job, partitions, sinks, asked: self.names.asked() })
    }

    /// Names the newest checkpoint of every partition.
    pub(super) fn name_newest(&mut self, at: &str, name: &str) -> Result<()> {
        self.names.check_new(at, name)?;
        let mut newest = BTreeMap::new();
        for (partition, state) in self.job.input.all().zip(&self.partitions) {
            let Some((&number, _)) = state.checkpoints.last_key_value() else {
                return Err(Error::NothingToName { at: at.to_owned(), partition });
            };
            newest.insert(partition, number);
        }
        self.names.put(name, newest);
        Ok(())
    }

    /// Makes a commit: all of it or, when it does not go on from what is stored, nothing.
    pub(super) fn commit(
        &mut self,
        at: &str,
        contents: &mut Contents,
        commit: &Commit,
        now_ms: i64,
    ) -> Result<()> {
        if let Some(job) = &self.widened {
            check::all_partitions(at, commit, job.input.partitions)?;
        }
        let mut tips: BTreeMap<Partition, Tip> = BTreeMap::new();
        for new in &commit.partitions {
            let stored = self.at(new.partition)?.tip;
            check::rollups(at, new.partition, new.rollups.len(), self.rollups.len())?;
            let tip = tips.get(&new.partition).copied().unwrap_or(stored);
            tips.insert(new.partition, tip.after(at, new)?);
        }
        pass(at, COMMIT_IN_TRANSACTION)?;
        for new in &commit.partitions {
            let rows = contents.topic(at, &self.result)?.at_mut(new.partition);
            rows.append(&new.rows, 0, now_ms);
            let dead = contents.topic(at, &self.dead)?.at_mut(new.partition);
            dead.append(&new.dead, 0, now_ms);
            for (topic, block) in self.rollups.iter().zip(&new.rollups) {
                contents.topic(at, topic)?.at_mut(new.partition).append(block, 0, now_ms);
            }
            let state = &mut self.partitions[new.partition.0 as usize];
            state.apply(tips[&new.partition], new, now_ms, &mut self.names);
        }
        if let Some(job) = self.widened.take() {
            self.names.widen(&job);
            self.job = job;
        }
        contents.version += 1;
        Ok(())
    }

    /// Forgets the journal entries before `below` that no checkpoint needs.
    pub(super) fn prune_journal(&mut self, partition: Partition, below: Offset) -> Result<()> {
        check::partition(&self.job.input, partition)?;
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
        contents: &mut Contents,
        back: &[Rewind],
        now_ms: i64,
    ) -> Result<()> {
        let mut cuts = Vec::with_capacity(back.len());
        for back in back {
            let state = self.at(back.partition)?;
            let (partition, number) = (back.partition, back.checkpoint);
            if !state.checkpoints.contains_key(&number) {
                return Err(Error::CheckpointMissing { at: at.to_owned(), partition, number });
            }
            let (expected, found) = (state.tip.number + 1, back.number);
            if found != expected {
                let (at, what) = (at.to_owned(), "number");
                return Err(Error::OutOfOrder { at, partition, what, expected, found });
            }
            let rows = contents.topic(at, &self.result)?;
            let left = rows.at(partition).left_after_cut(back.rows);
            let is_beyond = |hold: &Hold| hold.partition == partition && hold.offset > left;
            if let Some(hold) = rows.holds().find(is_beyond) {
                return Err(Error::sink_beyond(at, hold, left));
            }
            let dead = contents.topic(at, &self.dead)?.at(partition).left_after_cut(back.dead);
            check::rollups(at, back.partition, back.rollups.len(), self.rollups.len())?;
            let mut rollups = Vec::with_capacity(back.rollups.len());
            for (topic, &rows) in self.rollups.iter().zip(&back.rollups) {
                rollups.push(contents.topic(at, topic)?.at(partition).left_after_cut(rows));
            }
            cuts.push((left, dead, rollups));
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        for (back, (rows, dead, rollups)) in back.iter().zip(cuts) {
            contents.topic(at, &self.result)?.at_mut(back.partition).cut(rows);
            contents.topic(at, &self.dead)?.at_mut(back.partition).cut(dead);
            for (topic, left) in self.rollups.iter().zip(rollups) {
                contents.topic(at, topic)?.at_mut(back.partition).cut(left);
            }
            self.names.cut(back.partition, back.checkpoint);
            self.partitions[back.partition.0 as usize].set_back(back, now_ms);
        }
        self.prune();
        contents.version += 1;
        Ok(())
    }
}
