//! Shared by all parts of a job's store: the cluster, the job, its checkpoint topic and their
//! names.

use std::sync::Arc;
use std::thread;

use super::checkpoint_log::CheckpointLog;
use super::checkpoint_names::CachedNames;
use super::checkpoint_record::KeptCheckpoint;
use super::offset_metadata::OffsetMetadata;
use super::tables::staged::StagedTables;
use crate::client::cluster::Cluster;
use crate::group::offsets::{Committed, GroupOffsets};
use crate::limits;
use seismic_queue::{Error, Job, Offset, Partition, Result, Topic};

/// What a worker of a job shares with its committers.
pub(crate) struct JobContext {
    pub(crate) cluster: Cluster,
    pub(crate) job: Job,
    /// Ids of the topics of its outputs, in order; empty for a caller that only reads.
    pub(crate) output_ids: Vec<String>,
    /// The checkpoint topic.
    pub(crate) checkpoints: Topic,
    /// Names of its checkpoints.
    pub(crate) names: Arc<CachedNames>,
    /// Versions of tables that commits have to write.
    pub(crate) staged: Arc<StagedTables>,
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
            Some((_, offset_metadata)) => {
                Ok(self.log(partition).at(&offset_metadata, offset_metadata.manifest)?.kept)
            }
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

    /// The committed offset of a partition and its metadata.
    pub(crate) fn committed_metadata(
        &self,
        offsets: &GroupOffsets,
        partition: Partition,
    ) -> Result<Option<(Offset, OffsetMetadata)>> {
        let found = offsets.committed(self.job.input(), &[partition])?;
        self.decoded(partition, found.into_iter().next().flatten())
    }

    /// What that is of a partition.
    pub(crate) fn decoded(
        &self,
        partition: Partition,
        committed: Committed,
    ) -> Result<Option<(Offset, OffsetMetadata)>> {
        let Some((next, text)) = committed else { return Ok(None) };
        let offset_metadata =
            OffsetMetadata::decode(&text).ok_or_else(|| Error::ForeignOffset {
                group: self.job.group.clone(),
                topic: self.job.input().name.clone(),
                partition,
            })?;
        Ok(Some((next, offset_metadata)))
    }

    /// As [`JobContext::known_metadata`] of each partition, in one question where the cluster has
    /// not forgotten anything.
    pub(crate) fn all_known_metadata(
        &self,
        offsets: &GroupOffsets,
    ) -> Result<Vec<Option<(Offset, OffsetMetadata)>>> {
        let all: Vec<Partition> = self.job.input().all().collect();
        let committed = offsets.committed(self.job.input(), &all)?;
        let known = all.iter().zip(committed).map(|(&partition, committed)| match committed {
            None => Ok(Err(partition)),
            found => self.decoded(partition, found).map(Ok),
        });
        let known = known.collect::<Result<Vec<_>>>()?;
        let missing: Vec<Partition> =
            known.iter().filter_map(|it| it.as_ref().err()).copied().collect();
        let mut asked = of_each(&missing, |it| self.known_metadata(offsets, it))?.into_iter();
        Ok(known.into_iter().map(|it| it.unwrap_or_else(|_| asked.next().flatten())).collect())
    }

    /// As [`JobContext::offset_metadata`]; `None` only where nothing was ever committed.
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
