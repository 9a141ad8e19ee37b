//! The metrics of one partition.

use seismic_queue::{Offset, Partition, PartitionCommit};

use super::snapshot::PartitionMetrics;

/// What was observed of one partition.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// How many slots of this run have it; for an instant, none or two may.
    pub slots: u32,
    pub position: Option<Offset>,
    pub end: Option<Offset>,
    pub end_seen_ms: Option<i64>,
    pub append_ms: Option<i64>,
    checkpoint_ms: Option<i64>,
    /// The position that it holds.
    checkpoint_at: Option<Offset>,
    /// How many of its records, of all runs, were counted as read.
    pub counted: u64,
    pub sensors: u64,
    pub open_windows: u64,
    /// What the store keeps beside the committed position.
    pub note: Vec<u8>,
}

impl Observed {
    /// A slot continues it from what the store has.
    pub fn resumed(&mut self, position: Offset, note: &[u8], now_ms: i64) {
        self.position = Some(position);
        self.checkpoint_ms = Some(now_ms);
        note.clone_into(&mut self.note);
    }

    /// A commit of it is durable.
    pub fn committed(&mut self, commit: &PartitionCommit, now_ms: i64) {
        commit.note.clone_into(&mut self.note);
        if let Some(manifest) = &commit.manifest {
            self.checkpoint_ms = Some(now_ms);
            self.checkpoint_at = Some(Offset(manifest.positions().map(|at| at.0).sum()));
        }
        self.checkpoint_ms.get_or_insert(now_ms);
    }

    pub fn at(&self, partition: Partition) -> PartitionMetrics {
        PartitionMetrics {
            partition,
            is_held: self.slots > 0,
            position: self.position,
            end: self.end,
            end_seen_ms: self.end_seen_ms,
            append_ms: self.append_ms,
            checkpoint_ms: self.checkpoint_ms,
            is_ahead_of_checkpoint: self.position > self.checkpoint_at,
            sensors: self.sensors,
            open_windows: self.open_windows,
        }
    }
}
