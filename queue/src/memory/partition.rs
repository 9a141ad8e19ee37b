//! One partition of a store in memory: its position, journal and checkpoints.

use std::collections::BTreeMap;

use super::names::Names;
use crate::backend::checkpoint_retention::{Candidate, classes};
use crate::backend::commit_order::LastCommit;
use crate::{
    Checkpoint, CheckpointInfo, Error, JournalEntry, Partition, PartitionCommit, Progress,
    Recovered, Result, Rewind,
};

/// One partition's share of a store.
#[derive(Default)]
pub(super) struct PartitionState {
    pub(super) last_commit: LastCommit,
    pub(super) progress: Option<Progress>,
    pub(super) journal: Vec<JournalEntry>,
    /// By checkpoint and index.
    pub(super) chunks: BTreeMap<(u64, u32), Vec<u8>>,
    pub(super) checkpoints: BTreeMap<u64, CheckpointInfo>,
}

impl PartitionState {
    pub(super) fn apply(
        &mut self,
        last_commit: LastCommit,
        commit: &PartitionCommit,
        now_ms: i64,
        names: &mut Names,
    ) {
        self.last_commit = last_commit;
        self.progress = Some(Progress {
            number: commit.number,
            next: commit.next,
            further: commit.further.clone(),
            note: commit.note.clone(),
            committed_ms: now_ms,
        });
        self.journal.extend(commit.journal.iter().cloned());
        for chunk in &commit.chunks {
            self.chunks.insert((chunk.checkpoint, chunk.index), chunk.bytes.clone());
        }
        let Some(manifest) = &commit.manifest else {
            return;
        };
        let of_it = self.chunks.range((manifest.checkpoint, 0)..);
        let bytes = of_it.map(|(_, bytes)| bytes.len() as u64).sum();
        let (manifest, created_ms) = (manifest.clone(), now_ms);
        let number = manifest.checkpoint;
        let info = CheckpointInfo { manifest, bytes, created_ms, class: None, names: Vec::new() };
        self.checkpoints.insert(number, info);
        names.name_sealed(commit);
        self.prune(commit.partition, names);
        self.chunks.retain(|(number, _), _| self.checkpoints.contains_key(number));
    }

    /// Goes back to a checkpoint, which is there.
    pub(super) fn set_back(&mut self, back: &Rewind, now_ms: i64) {
        let manifest = self.checkpoints[&back.checkpoint].manifest.clone();
        self.journal.retain(|entry| entry.sequence < manifest.journal_sequence);
        self.checkpoints.retain(|number, _| *number <= back.checkpoint);
        self.chunks.retain(|(number, _), _| *number <= back.checkpoint);
        self.last_commit.number = back.number;
        self.last_commit.next = manifest.position;
        self.last_commit.further.clone_from(&manifest.further);
        self.last_commit.next_sequence = manifest.journal_sequence;
        self.last_commit.unsealed = None;
        self.progress = Some(Progress {
            number: back.number,
            next: manifest.position,
            further: manifest.further,
            note: back.note.clone(),
            committed_ms: now_ms,
        });
    }

    /// Every checkpoint with what keeps it.
    pub(super) fn infos(&self, partition: Partition, names: &Names) -> Vec<CheckpointInfo> {
        let mut infos: Vec<_> = self.checkpoints.values().cloned().collect();
        for info in &mut infos {
            info.names = names.of(partition, info.manifest.checkpoint);
        }
        let candidate = |info: &CheckpointInfo| Candidate {
            number: info.manifest.checkpoint,
            created_ms: info.created_ms,
            keeps: info.manifest.keeps,
            is_named: !info.names.is_empty(),
        };
        let classes = classes(&infos.iter().map(candidate).collect::<Vec<_>>());
        infos.iter_mut().zip(classes).for_each(|(info, class)| info.class = class);
        infos
    }

    /// Deletes the checkpoints that nothing keeps, with their chunks.
    pub(super) fn prune(&mut self, partition: Partition, names: &Names) {
        for info in self.infos(partition, names) {
            if info.class.is_none() {
                let number = info.manifest.checkpoint;
                self.checkpoints.remove(&number);
                self.chunks.retain(|(of, _), _| *of != number);
            }
        }
    }

    pub(super) fn checkpoint(
        &self,
        at: &str,
        partition: Partition,
        number: u64,
    ) -> Result<Checkpoint> {
        let Some(info) = self.checkpoints.get(&number) else {
            return Err(Error::CheckpointMissing { at: at.to_owned(), partition, number });
        };
        let chunks = self.chunks.range((number, 0)..=(number, u32::MAX));
        let state = chunks.flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        Checkpoint { manifest: info.manifest.clone(), state }.checked(at, partition)
    }

    pub(super) fn recover(&self, at: &str, partition: Partition) -> Recovered {
        let mut passed_over = Vec::new();
        let checkpoint = self.checkpoints.keys().rev().find_map(|&number| {
            let read = self.checkpoint(at, partition, number);
            read.map_err(|error| passed_over.push(error.to_string())).ok()
        });
        let from = checkpoint.as_ref().map_or(0, |found| found.manifest.journal_sequence);
        Recovered {
            partition,
            progress: self.progress.clone(),
            checkpoint,
            journal: self.journal.iter().filter(|entry| entry.sequence >= from).cloned().collect(),
            next_sequence: self.last_commit.next_sequence,
            last_checkpoint: self.last_commit.checkpoint,
            passed_over,
        }
    }
}
