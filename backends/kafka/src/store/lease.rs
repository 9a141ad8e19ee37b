//! One worker of a job. Any number of them may work at once: the group shares the partitions out,
//! and transactions fence those that no longer have them.

use std::sync::Arc;
use std::thread;

use super::checkpoint_log::CheckpointLog;
use super::checkpoint_names::CachedNames;
use super::checkpoint_record::KeptCheckpoint;
use super::committer::KafkaCommitter;
use super::job_topic::JobTopic;
use super::offset_metadata::OffsetMetadata;
use super::trim;
use crate::client::cluster::Cluster;
use crate::group::offsets::GroupOffsets;
use crate::group::transactional_id::SlotNames;
use crate::limits;
use seismic_queue::{
    Committer, Error, Job, Lease, Member, Offset, Partition, Result, Rewind, Topic,
};

/// What a worker of a job shares with its committers.
pub(crate) struct JobContext {
    pub(crate) cluster: Cluster,
    pub(crate) job: Job,
    /// The checkpoint topic.
    pub(crate) checkpoints: Topic,
    /// Names of its checkpoints.
    pub(crate) names: Arc<CachedNames>,
}

impl JobContext {
    /// The checkpoint log of a partition.
    pub(crate) fn log(&self, partition: Partition) -> CheckpointLog<'_> {
        let (cluster, topic) = (&self.cluster, &self.checkpoints);
        CheckpointLog { cluster, topic, group: &self.job.group, partition }
    }

    /// What the newest manifest of each partition lists; nothing where there is none.
    pub(crate) fn kept(&self, offsets: &GroupOffsets) -> Result<Vec<Vec<KeptCheckpoint>>> {
        self.of_each(|partition| match self.committed_metadata(offsets, partition)? {
            Some((_, mark)) => Ok(self.log(partition).at(&mark, mark.manifest)?.kept),
            None => Ok(Vec::new()),
        })
    }

    /// Asks for all partitions.
    pub(crate) fn of_each<T: Send>(
        &self,
        ask: impl Fn(Partition) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        of_each(&self.job.input().all().collect::<Vec<_>>(), ask)
    }

    /// The committed offset of a partition and its mark.
    pub(crate) fn committed_metadata(
        &self,
        offsets: &GroupOffsets,
        partition: Partition,
    ) -> Result<Option<(Offset, OffsetMetadata)>> {
        let found = offsets.committed(self.job.input(), &[partition])?;
        let Some((next, text)) = found.into_iter().next().flatten() else { return Ok(None) };
        let mark = OffsetMetadata::decode(&text).ok_or_else(|| Error::ForeignOffset {
            group: self.job.group.clone(),
            topic: self.job.input().name.clone(),
            partition,
        })?;
        Ok(Some((next, mark)))
    }

    /// As [`JobContext::mark`]; `None` only where nothing was ever committed.
    ///
    /// # Errors
    /// [`Error::OffsetExpired`] where the cluster has forgotten the offset.
    pub(crate) fn known_metadata(
        &self,
        offsets: &GroupOffsets,
        partition: Partition,
    ) -> Result<Option<(Offset, OffsetMetadata)>> {
        if let Some(known) = self.committed_metadata(offsets, partition)? {
            return Ok(Some(known));
        }
        if self.log(partition).all()?.progress.is_none() {
            return Ok(None);
        }
        // It may have been committed for the first time between the two questions.
        if let Some(known) = self.committed_metadata(offsets, partition)? {
            return Ok(Some(known));
        }
        // With a topic go the offsets that groups have in it.
        self.cluster.check(self.job.input())?;
        let (group, topic) = (self.job.group.clone(), self.job.input().name.clone());
        Err(Error::OffsetExpired { group, topic, partition })
    }
}

/// A worker.
pub(crate) struct KafkaLease {
    pub(crate) context: Arc<JobContext>,
    pub(crate) slots: SlotNames,
    pub(crate) offsets: GroupOffsets,
    /// Whether the job is about to take partitions that its input got.
    pub(crate) is_widening: bool,
}

impl Lease for KafkaLease {
    /// For what begins a job; slots have members.
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(KafkaCommitter::beginning(Arc::clone(&self.context), self.is_widening)?))
    }

    fn member(&self, index: usize) -> Result<Option<Member>> {
        self.slots.member(index).map(Some)
    }

    fn committer_of(&self, member: &Member) -> Result<Box<dyn Committer>> {
        Ok(Box::new(KafkaCommitter::new(Arc::clone(&self.context), member)?))
    }

    fn positions(&self) -> Result<Vec<Option<Offset>>> {
        let input = self.context.job.input();
        let partitions: Vec<Partition> = input.all().collect();
        let found = self.offsets.committed(input, &partitions)?;
        Ok(found.into_iter().map(|found| found.map(|(next, _)| next)).collect())
    }

    fn agree_on_start(&self, from: &str, starts: &[Offset]) -> Result<(String, Vec<Offset>)> {
        JobTopic::new(&self.context.cluster).agree_on_start(&self.context.job.group, from, starts)
    }

    /// A log takes nothing back.
    fn rewind(&self, _: &[Rewind]) -> Result<()> {
        Err(Error::NoRewind { at: self.context.cluster.at.clone() })
    }

    fn housekeep(&self) -> Result<()> {
        trim::trim(&self.context.cluster, &self.context.checkpoints).map(drop)
    }

    /// It goes with the checkpoints that need it.
    fn prune_journal(&self, _: Partition, _: Offset) -> Result<()> {
        Ok(())
    }
}

/// Asks for partitions, several at once: an answer takes the cluster longer than this program.
pub(crate) fn of_each<T: Send>(
    partitions: &[Partition],
    ask: impl Fn(Partition) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let share = partitions.len().div_ceil(limits::ASKED_AT_ONCE).max(1);
    let ask = |share: &[Partition]| share.iter().map(|&it| ask(it)).collect::<Result<Vec<T>>>();
    thread::scope(|scope| {
        let askers: Vec<_> =
            partitions.chunks(share).map(|share| scope.spawn(|| ask(share))).collect();
        let answers = askers
            .into_iter()
            .map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        Ok(answers.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    })
}
