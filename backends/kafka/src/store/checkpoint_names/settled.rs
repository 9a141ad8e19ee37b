//! Which checkpoints partitions have, for whoever waits until all of them have answered a request.
//!
//! A question for committed offsets that waits for transactions which are about to commit some is asked
//! again as a whole, after a pause, until none is: librdkafka repeats it where one partition of many is
//! unsettled, and brokers know such partitions by the number of slots that commit all the time. So it is
//! asked what is settled, in one question for all partitions. What is committed meanwhile is seen the next time.
//!
//! A log is read only where the newest manifest is another one than before, and until the partition has answered.

use std::collections::BTreeMap;

use crate::client::cluster::Cluster;
use crate::group::offsets::GroupOffsets;
use crate::store::checkpoint_record::KeptCheckpoint;
use crate::store::job_context::{JobContext, of_each};
use crate::store::offset_metadata::OffsetMetadata;
use seismic_queue::{CheckpointRequest, Offset, Partition, Result, Topic};

/// What was seen of the checkpoints of a job.
pub(crate) struct SettledCheckpoints {
    /// Id of the store, and the topic.
    of: (String, Topic),
    offsets: GroupOffsets,
    /// The newest manifest of each partition, where it is, and what it lists.
    seen: BTreeMap<Partition, (Offset, Vec<KeptCheckpoint>)>,
}

impl SettledCheckpoints {
    /// Nothing was seen yet of the job of this store.
    pub(crate) fn new(cluster: &Cluster, id: String, context: &JobContext) -> Result<Self> {
        let offsets = GroupOffsets::settled(cluster, &context.job.group)?;
        Ok(SettledCheckpoints {
            of: (id, context.checkpoints.clone()),
            offsets,
            seen: BTreeMap::new(),
        })
    }

    /// Whether it is of the job of this store as it is now.
    pub(crate) fn is_of(&self, id: &str, context: &JobContext) -> bool {
        self.of.0 == id && self.of.1 == context.checkpoints
    }

    /// Nothing is requested yet: what is there now answers nothing that will be, and is not read for that.
    pub(crate) fn pass_over(&mut self, context: &JobContext) -> Result<()> {
        let newest = self.newest(context)?.into_iter();
        self.seen = newest.map(|(partition, it)| (partition, (it.manifest, Vec::new()))).collect();
        Ok(())
    }

    /// What partitions have committed last.
    fn newest(&self, context: &JobContext) -> Result<BTreeMap<Partition, OffsetMetadata>> {
        let all: Vec<Partition> = context.job.input().all().collect();
        let committed = self.offsets.committed(context.job.input(), &all)?;
        let mut newest = BTreeMap::new();
        for (partition, committed) in all.into_iter().zip(committed) {
            if let Some((_, metadata)) = context.decoded(partition, committed)? {
                newest.insert(partition, metadata);
            }
        }
        Ok(newest)
    }

    /// What the newest manifest of each partition lists that is settled, or one before it, where that has
    /// answered these requests already; nothing where there is none.
    pub(crate) fn look(
        &mut self,
        context: &JobContext,
        requests: &[CheckpointRequest],
    ) -> Result<Vec<Vec<KeptCheckpoint>>> {
        let has_answered = |kept: &[KeptCheckpoint]| {
            requests.iter().all(|request| kept.iter().any(|it| it.answers.contains(&request.id)))
        };
        let mut others = self.newest(context)?;
        others.retain(|partition, metadata| match self.seen.get(partition) {
            Some((manifest, kept)) => *manifest != metadata.manifest && !has_answered(kept),
            None => true,
        });
        if !others.is_empty() {
            // Asked after the positions, so everything that was committed with them lies below the ends.
            let logs = context.cluster.spans(&context.checkpoints)?;
            let partitions: Vec<Partition> = others.keys().copied().collect();
            let read = of_each(&partitions, |partition| {
                let (metadata, end) = (&others[&partition], logs[partition.0 as usize].end);
                let log = context.log(partition).at_within(metadata, metadata.manifest, end)?;
                Ok((metadata.manifest, log.kept))
            });
            self.seen.extend(partitions.iter().copied().zip(read?));
        }
        let of = |partition: Partition| self.seen.get(&partition).map(|(_, kept)| kept.clone());
        Ok(context.job.input().all().map(|it| of(it).unwrap_or_default()).collect())
    }
}
