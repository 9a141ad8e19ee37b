//! Restores the offsets of a group that a tool has reset or the cluster has forgotten, to those of
//! the last commit, which the checkpoint topic has in full.
//!
//! Every commit writes its progress there in the transaction in which it commits the offsets, so
//! the last progress record belongs to the last commit. The rest of the metadata is reconstructed:
//! the newest manifest from the same topic, and the ends of the outputs from their topics, where
//! nothing follows the rows of the last commit.

use rdkafka::TopicPartitionList;

use super::KafkaStore;
use super::checkpoint_log::{CheckpointLog, LastState};
use super::job_context::JobContext;
use super::offset_metadata::{OffsetMetadata, OutputEnd};
use crate::client::connection::number;
use seismic_queue::{Error, JobStore as _, LostOffset, Offset, OutputSpec, Partition, Result};

impl KafkaStore {
    /// As [`JobStore::lost_offsets`](seismic_queue::JobStore::lost_offsets).
    pub(super) fn find_lost_offsets(&self) -> Result<Vec<LostOffset>> {
        let (_, context) = self.context()?;
        let offsets = self.offsets()?;
        let all: Vec<Partition> = context.job.input().all().collect();
        let committed = offsets.committed(context.job.input(), &all)?;
        let states = context.of_each(|partition| context.log(partition).last_state())?;
        let mut lost = Vec::new();
        for ((partition, state), committed) in all.into_iter().zip(states).zip(committed) {
            let Some(state) = state else { continue };
            let known = committed.as_ref().and_then(|(at, text)| {
                OffsetMetadata::decode(text).map(|metadata| (*at, metadata.number))
            });
            if known != Some((state.progress.next, state.progress.number)) {
                let found = committed.map(|(at, _)| at);
                lost.push(LostOffset { partition, found, next: state.progress.next });
            }
        }
        Ok(lost)
    }

    /// As [`JobStore::put_offsets_back`](seismic_queue::JobStore::put_offsets_back).
    pub(super) fn commit_lost_offsets(&self, lost: &[LostOffset]) -> Result<()> {
        if let Some(by) = self.leased_by()? {
            return Err(Error::Owned { at: self.name(), by });
        }
        let (_, context) = self.context()?;
        self.cluster.check(context.job.input())?;
        let offsets = self.offsets()?;
        let ends = self.output_ends(&context)?;
        let mut list = TopicPartitionList::new();
        let failed = self.cluster.failed("putting offsets back");
        for LostOffset { partition, next, .. } in lost {
            let state = context.log(*partition).last_state()?;
            // It was found before; a commit since then would have found the lease.
            let Some(state) = state.filter(|state| state.progress.next == *next) else {
                return Err(Error::Busy {
                    at: self.name(),
                    doing: "restoring offsets: someone else commits",
                });
            };
            let metadata = metadata_of(&state, &ends, *partition);
            let nexts = std::iter::once(&state.progress.next).chain(&state.progress.further);
            for (place, (input, next)) in context.job.inputs.iter().zip(nexts).enumerate() {
                let mut offset = list.add_partition(&input.name, number(*partition));
                offset.set_offset(rdkafka::Offset::Offset(next.0 as i64)).map_err(&failed)?;
                if place == 0 {
                    offset.set_metadata(metadata.encode());
                }
            }
        }
        offsets.commit_list(context.job.input(), &list)
    }

    /// Where each output ends in each partition; nothing for those that are keyed.
    fn output_ends(&self, context: &JobContext) -> Result<Vec<Vec<Offset>>> {
        let ends = |output: &OutputSpec| match output.is_keyed() {
            true => Ok(Vec::new()),
            false => self.cluster.settled_ends(&self.cluster.topic(&output.topic)?),
        };
        context.job.outputs.iter().map(ends).collect()
    }
}

fn metadata_of(state: &LastState, ends: &[Vec<Offset>], partition: Partition) -> OffsetMetadata {
    let end = |ends: &Vec<Offset>| {
        let end = ends.get(partition.0 as usize).copied().unwrap_or_default();
        OutputEnd { end, ..OutputEnd::default() }
    };
    let (from, manifest) = (state.from, state.manifest);
    let outputs = ends.iter().map(end).collect();
    OffsetMetadata { number: state.progress.number, from, manifest, outputs }
}

impl CheckpointLog<'_> {
    /// What the last commit of the group left, from the log alone.
    fn last_state(&self) -> Result<Option<LastState>> {
        let history = self.all()?;
        Ok(history.last_state())
    }
}
