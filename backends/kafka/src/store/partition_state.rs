//! Positions of one partition in the topics of its job, advanced by each commit.

use super::checkpoint_record::KeptCheckpoint;
use super::delivery::{DeliveryReports, MessageKind};
use super::offset_metadata::{OffsetMetadata, OutputEnd};
use seismic_queue::backend::commit_order::LastCommit;
use seismic_queue::{Fingerprint, Message, Offset, PartitionCommit};

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

    /// The metadata after the commit of a job whose outputs have these topics, from where its
    /// messages went.
    pub(crate) fn note_ends(
        &mut self,
        new: &PartitionCommit,
        topic_ids: &[String],
        acks: &DeliveryReports,
    ) {
        let place = |what| acks.ends(new.partition, what);
        self.offset_metadata.outputs.resize(topic_ids.len(), OutputEnd::default());
        let outputs = self.offset_metadata.outputs.iter_mut().zip(topic_ids).enumerate();
        for (i, (output, topic_id)) in outputs {
            output.topic_id.clone_from(topic_id);
            let what = MessageKind::Output(i as u16);
            if let Some((_, offset)) = place(what) {
                let row = new.outputs.get(i).and_then(|rows| rows.messages().last());
                let append_ms = acks.last_append_ms(new.partition, what);
                let last = row.zip(append_ms).map(|((key, value), append_ms)| {
                    let row = Message { offset, append_ms, key, value };
                    (append_ms, Fingerprint::of(row).crc)
                });
                (output.end, output.last) = (offset.next(), last);
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
