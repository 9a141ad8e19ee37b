//! What a task adds to a commit, and whether it adds anything.

use std::time::Duration;

use seismic_queue::{Block, PartitionCommit};

use super::PartitionTask;
use crate::engine::journal::Entry;
use crate::engine::kind_note;
use crate::{Result, limits};

impl PartitionTask {
    /// Bytes of output that wait, and of the runs of several inputs.
    pub fn waiting_bytes(&self) -> usize {
        let runs = if self.inputs() > 1 { self.journal.len() } else { 0 };
        self.operator.waiting_bytes() + runs * limits::RUN_BYTES
    }

    /// Whether rows, dead letters, journal entries or a snapshot wait.
    pub fn has_output(&self) -> bool {
        self.operator.waiting_bytes() > 0 || !self.journal.is_empty() || self.snapshots.is_pending()
    }

    /// Whether there is anything that a commit would change.
    pub fn is_dirty(&self) -> bool {
        let has_moved = || {
            let mut handed = self.handed.iter().enumerate();
            handed.any(|(input, handed)| self.operator.next(input) > *handed)
        };
        !self.is_replaying() && (self.has_output() || has_moved())
    }

    /// Whether everything that it has read is handed over, so that it may go to another slot once
    /// that is committed.
    pub fn is_settled(&self) -> bool {
        !self.is_replaying() && !self.is_dirty()
    }

    /// Moves everything that waits into a commit.
    ///
    /// # Panics
    /// When records were lost count of: a job that cannot add up must not commit.
    pub fn hand_over(&mut self) -> PartitionCommit {
        assert!(!self.is_replaying(), "a replay is over before anything is committed");
        assert!(self.operator.is_balanced(), "every record is in exactly one place");
        self.end_run();
        let mut commit = std::mem::replace(&mut self.spare, PartitionCommit::new(self.partition));
        self.number += 1;
        for (input, handed) in self.handed.iter_mut().enumerate() {
            *handed = self.operator.next(input);
        }
        commit.number = self.number;
        commit.next = self.handed[0];
        commit.further.clear();
        commit.further.extend(&self.handed[1..]);
        kind_note::write(self.kind, &*self.operator, &self.delivered, &mut commit.note);
        self.operator.move_output(&mut commit);
        std::mem::swap(&mut commit.journal, &mut self.journal);
        self.snapshots.fill(&mut commit);
        commit
    }

    /// The commit with which it continues after a rescale, with the state that its operator has
    /// from now on. It carries the whole snapshot.
    pub fn begin_rescaled(&mut self, before: u32, partitions: u32) -> Result<PartitionCommit> {
        self.add_to_journal(&Entry::Rescaled { before, partitions });
        self.snapshot(|| Duration::ZERO)?;
        let mut commit = self.hand_over();
        self.snapshots.fill_all(&mut commit);
        Ok(commit)
    }

    /// Takes the memory of a commit that is done.
    pub fn reuse(&mut self, mut commit: PartitionCommit) {
        commit.outputs.iter_mut().for_each(Block::clear);
        commit.keyed.clear();
        commit.journal.clear();
        commit.chunks.clear();
        commit.manifest = None;
        commit.answers.clear();
        commit.name = None;
        self.spare = commit;
    }
}
