//! Positions of one partition in the topics of its job, advanced by each commit.

use super::checkpoint_record::KeptCheckpoint;
use super::delivery::{DeliveryReports, MessageKind};
use super::offset_metadata::OffsetMetadata;
use seismic_queue::backend::commit_order::LastCommit;
use seismic_queue::{Offset, PartitionCommit};

/// Positions of one partition.
#[derive(Clone, Default)]
pub(crate) struct PartitionState {
    pub(crate) last_commit: LastCommit,
    pub(crate) offset_metadata: OffsetMetadata,
    pub(crate) kept: Vec<KeptCheckpoint>,
    /// First chunk and bytes of the snapshot on its way.
    pub(crate) begun: Option<(Offset, u64)>,
}

impl PartitionState {
    /// Remembers where the first chunk of a snapshot is, and how long it is.
    pub(crate) fn note_chunks(&mut self, new: &PartitionCommit, acks: &DeliveryReports) {
        let Some((first, _)) = acks.ends(new.partition, MessageKind::Chunk) else {
            return;
        };
        let begins = new.chunks.first().is_some_and(|chunk| chunk.index == 0);
        let (first, before) = match self.begun {
            Some(begun) if !begins => begun,
            _ => (first, 0),
        };
        let bytes: usize = new.chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        self.begun = Some((first, before + bytes as u64));
    }

    /// The metadata after the commit of a job with that many outputs, from where its messages went.
    pub(crate) fn note_ends(
        &mut self,
        new: &PartitionCommit,
        outputs: usize,
        acks: &DeliveryReports,
    ) {
        let place = |what| acks.ends(new.partition, what);
        // The first two are always there.
        let outputs = outputs.min(2).max(new.outputs.len()).max(self.offset_metadata.outputs.len());
        self.offset_metadata.outputs.resize(outputs, Offset(0));
        for (i, end) in self.offset_metadata.outputs.iter_mut().enumerate() {
            if let Some((_, last)) = place(MessageKind::Output(i as u16)) {
                *end = last.next();
            }
        }
        if let (Some((manifest, _)), Some(newest)) =
            (place(MessageKind::Manifest), self.kept.last())
        {
            (self.offset_metadata.from, self.offset_metadata.manifest) = (newest.first, manifest);
        } else if self.offset_metadata.number == 0 {
            // The first commit: nothing of the group lies before it.
            let all = [MessageKind::Chunk, MessageKind::Other].into_iter().filter_map(place);
            let first = all.map(|(first, _)| first).min().unwrap_or_default();
            (self.offset_metadata.from, self.offset_metadata.manifest) = (first, first);
        }
        self.offset_metadata.number = new.number;
    }
}
