//! The snapshots of one partition: when the next is due, and the one on its way to the store.
//!
//! A snapshot's chunks travel with the commits that follow it, a few in each, so that a large one
//! does not delay the rows committed with it. The last of these commits carries the manifest, which
//! makes the chunks a checkpoint, and the ids of the checkpoint requests that it answers.

use std::collections::VecDeque;
use std::time::Duration;

use seismic_queue::{
    CheckpointRequest, Chunk, Manifest, Offset, Partition, PartitionCommit, Recovered,
    limits as queue_limits,
};

use crate::engine::operator::Operator;
use crate::runner::settings::Settings;
use crate::{Result, failpoints, limits};

/// Snapshots of one partition.
#[derive(Default)]
pub(crate) struct Snapshotter {
    /// How many of the newest checkpoints are kept.
    keeps: u32,
    last_checkpoint: u64,
    /// Position, over all inputs, and journal sequence of the newest snapshot.
    at: (Offset, u64),
    taken: Duration,
    /// Time spent on messages since then: about what a replay would take.
    worked: Duration,
    /// What the last one took.
    cost: Duration,
    /// Chunks of the last one.
    size: usize,
    chunks: VecDeque<Chunk>,
    manifest: Option<Manifest>,
    /// Ids of the requests that the manifest on its way answers.
    answers: Vec<String>,
    /// Ids of all requests answered so far that are still open in the store.
    answered: Vec<String>,
}

/// What taking a snapshot cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotCost {
    /// Size of the state.
    pub bytes: u64,
    /// Time in which the partition did nothing else.
    pub time: Duration,
}

impl Snapshotter {
    /// Snapshots of a partition that has none.
    pub fn new(settings: &Settings) -> Self {
        Snapshotter { keeps: settings.checkpoints_kept, ..Snapshotter::default() }
    }

    /// Snapshots of a partition that continues from what the store remembers.
    pub fn resume(self, recovered: &Recovered) -> Self {
        let checkpoint = recovered.checkpoint.as_ref().map(|checkpoint| &checkpoint.manifest);
        Snapshotter {
            last_checkpoint: recovered.last_checkpoint,
            at: checkpoint.map_or((Offset(0), 0), |it| {
                let further: u64 = it.further.iter().map(|offset| offset.0).sum();
                (Offset(it.position.0 + further), it.journal_sequence)
            }),
            keeps: self.keeps,
            size: checkpoint.map_or(0, |it| it.chunks as usize),
            ..Snapshotter::default()
        }
    }

    /// Adds to the time that a replay would take.
    pub fn add_work(&mut self, time: Duration) {
        self.worked += time;
    }

    /// Whether the newest snapshot, written or on its way, is older than the state at `position`
    /// with the journal up to `sequence`.
    pub fn is_behind(&self, position: Offset, sequence: u64) -> bool {
        self.at != (position, sequence)
    }

    /// Whether a snapshot would save more than it costs.
    pub fn is_due(&self, now: Duration, settings: &Settings) -> bool {
        let replay_limit = (self.cost * 5).max(Duration::from_millis(200));
        self.manifest.is_none()
            && (now.saturating_sub(self.taken) >= settings.snapshot_every
                || self.worked >= replay_limit)
    }

    /// Whether whoever has the partition next is better off with another snapshot, also in place of one
    /// that is still on its way: always with a state that the last commit takes along, whatever the last
    /// snapshot took on a busy machine, and otherwise where a replay would take longer.
    pub fn is_worth_it(&self) -> bool {
        self.size <= limits::CHUNKS_PER_COMMIT || self.worked > self.cost
    }

    /// Whether the next snapshot has to answer a request that no earlier one has answered; it then
    /// will.
    pub fn has_to_answer(&mut self, partition: Partition, requests: &[CheckpointRequest]) -> bool {
        self.answered.retain(|id| requests.iter().any(|request| request.id == *id));
        let before = self.answered.len();
        for CheckpointRequest { id, answered, .. } in requests {
            if !answered.contains(&partition) && !self.answered.contains(id) {
                self.answered.push(id.clone());
                self.answers.push(id.clone());
            }
        }
        self.answered.len() > before
    }

    /// Takes a snapshot of the operator with the journal up to `sequence`. One that was still on
    /// its way is dropped, and this one answers in its place. `clock` gives the time.
    ///
    /// # Errors
    /// At a failpoint.
    pub fn begin(
        &mut self,
        operator: &dyn Operator,
        sequence: u64,
        clock: impl Fn() -> Duration,
    ) -> Result<SnapshotCost> {
        let began = clock();
        let mut state = Vec::new();
        operator.snapshot(&mut state);
        failpoints::pass(failpoints::SNAPSHOT_TAKEN)?;
        self.last_checkpoint += 1;
        let checkpoint = self.last_checkpoint;
        let pieces = state.chunks(queue_limits::CHUNK_BYTES).enumerate();
        self.chunks = pieces
            .map(|(index, bytes)| Chunk { checkpoint, index: index as u32, bytes: bytes.to_vec() })
            .collect();
        self.manifest = Some(Manifest {
            checkpoint,
            position: operator.next(0),
            further: (1..operator.inputs()).map(|input| operator.next(input)).collect(),
            journal_sequence: sequence,
            chunks: self.chunks.len() as u32,
            crc: crc32fast::hash(&state),
            keeps: self.keeps,
        });
        self.size = self.chunks.len();
        self.at = (operator.position(), sequence);
        self.taken = clock();
        self.cost = self.taken - began;
        self.worked = Duration::ZERO;
        Ok(SnapshotCost { bytes: state.len() as u64, time: self.cost })
    }

    /// Whether some of a snapshot still waits for a commit.
    pub fn is_pending(&self) -> bool {
        self.manifest.is_some()
    }

    /// Moves the next chunks into a commit, and after the last of them the manifest with its
    /// answers.
    pub fn fill(&mut self, commit: &mut PartitionCommit) {
        self.fill_up_to(limits::CHUNKS_PER_COMMIT, commit);
    }

    /// Moves all that waits into a commit.
    pub fn fill_all(&mut self, commit: &mut PartitionCommit) {
        self.fill_up_to(usize::MAX, commit);
    }

    fn fill_up_to(&mut self, most: usize, commit: &mut PartitionCommit) {
        let ready = self.chunks.len().min(most);
        commit.chunks.extend(self.chunks.drain(..ready));
        if !self.chunks.is_empty() {
            return;
        }
        if let Some(manifest) = self.manifest.take() {
            commit.manifest = Some(manifest);
            commit.answers.append(&mut self.answers);
        }
    }
}
