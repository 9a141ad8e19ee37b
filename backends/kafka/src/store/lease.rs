//! The lease of one worker of a job. There may be any number of workers: the group assigns the
//! partitions, and transactions fence workers that have lost them.

use std::sync::Arc;

use super::committer::KafkaCommitter;
use super::job_context::JobContext;
use super::job_topic::JobTopic;
use super::trim;
use crate::group::offsets::{Committed, GroupOffsets};
use crate::group::transactional_id::SlotNames;
use seismic_queue::{
    Committer, Error, Lease, Member, Offset, Partition, Result, Rewind, SharedLease, Topic,
};

/// A worker.
pub(crate) struct KafkaLease {
    pub(crate) context: Arc<JobContext>,
    pub(crate) slots: SlotNames,
    pub(crate) offsets: Arc<GroupOffsets>,
    /// Whether the job is about to take partitions that its input got.
    pub(crate) is_widening: bool,
}

impl Lease for KafkaLease {
    /// For the commit that begins a job; slots have members.
    fn committer(&self) -> Result<Box<dyn Committer>> {
        let parts = (Arc::clone(&self.context), Arc::clone(&self.offsets));
        Ok(Box::new(KafkaCommitter::beginning(parts, self.is_widening)))
    }

    fn shared(&self) -> Option<&dyn SharedLease> {
        Some(self)
    }

    /// A log cannot be cut back.
    fn rewind(&self, _: &[Rewind]) -> Result<()> {
        Err(Error::NoRewind { at: self.context.cluster.at.clone() })
    }

    /// A question that is not answered, or by a broker that does not know of the topic, says
    /// nothing.
    fn check_outputs(&self) -> Result<()> {
        let JobContext { cluster, job, output_ids, .. } = &*self.context;
        for (output, id) in job.outputs.iter().zip(output_ids) {
            // Where one is not answered, the others would only be waited for, too.
            let Ok(now) = cluster.topic_id_now(&output.topic) else { return Ok(()) };
            if now.is_some_and(|now| now != *id) {
                let (topic, at) = (output.topic.clone(), cluster.at.clone());
                return Err(Error::OutputRemade { topic, at });
            }
        }
        Ok(())
    }

    fn housekeep(&self) -> Result<()> {
        trim::trim(&self.context.cluster, &self.context.checkpoints).map(drop)
    }

    /// It is deleted with the checkpoints that need it.
    fn prune_journal(&self, _: Partition, _: Offset) -> Result<()> {
        Ok(())
    }
}

impl SharedLease for KafkaLease {
    fn member(&self, index: usize, slots: usize) -> Result<Member> {
        self.slots.member(index, slots)
    }

    fn committer_of(&self, member: &Member) -> Result<Box<dyn Committer>> {
        let parts = (Arc::clone(&self.context), Arc::clone(&self.offsets));
        Ok(Box::new(KafkaCommitter::new(parts, member)))
    }

    fn positions(&self) -> Result<Vec<Option<Offset>>> {
        self.positions_by(|input, partitions| self.offsets.committed(input, partitions))
    }

    fn positions_now(&self) -> Result<Vec<Option<Offset>>> {
        self.positions_by(|input, partitions| self.offsets.committed_now(input, partitions))
    }

    fn agree_on_start(&self, from: &str, starts: &[Offset]) -> Result<(String, Vec<Offset>)> {
        JobTopic::new(&self.context.cluster).agree_on_start(&self.context.job.group, from, starts)
    }
}

impl KafkaLease {
    fn positions_by(
        &self,
        committed: impl Fn(&Topic, &[Partition]) -> Result<Vec<Committed>>,
    ) -> Result<Vec<Option<Offset>>> {
        let mut positions = Vec::new();
        for input in &self.context.job.inputs {
            let partitions: Vec<Partition> = input.all().collect();
            let found = committed(input, &partitions)?.into_iter();
            positions.extend(found.map(|found| found.map(|(next, _)| next)));
        }
        Ok(positions)
    }
}
