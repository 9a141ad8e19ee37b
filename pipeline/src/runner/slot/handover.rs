//! Commits of a slot: when one is due, what it contains, and what its outcome changes.

use std::error::Error as _;
use std::time::Duration;

use seismic_queue::{Block, Commit, CommitError};

use super::Slot;
use crate::runner::commit::channel::Committed;
use crate::runner::partition_task::PartitionTask;
use crate::{Result, failpoints, limits};

/// A position that moved without output is committed this often, so that `status` is fresh.
const QUIET_COMMIT_EVERY: Duration = Duration::from_secs(1);

impl Slot<'_> {
    pub(super) fn is_commit_due(&mut self) -> bool {
        if self.reading_order.waiting_bytes() > limits::PASSED_ON_BYTES {
            return true;
        }
        let waiting: usize = self.parts.values().map(PartitionTask::waiting_bytes).sum();
        if self.commit_channel.is_busy() {
            // More output than may wait: the reading stops until the commit is done.
            return waiting > limits::WAITING_BYTES;
        }
        let now = self.job.clock.now();
        let is_due = |since: Duration, every| now.saturating_sub(since) >= every;
        self.waiting_since.is_some_and(|since| is_due(since, self.job.settings.commit_every))
            || waiting > limits::WAITING_BYTES / 4
            || (is_due(self.handed_over, QUIET_COMMIT_EVERY)
                && self.parts.values().any(PartitionTask::is_dirty))
    }

    /// Hands everything that waits to the committer, after the commit that may be under way.
    pub(super) fn hand_over(&mut self) -> Result<()> {
        while self.commit_channel.is_busy() {
            if let Some(committed) = self.commit_channel.poll_outcome(limits::OUTCOME_WAIT)? {
                self.settle(committed)?;
            }
        }
        self.watch_spread()?;
        self.parts.values_mut().for_each(PartitionTask::raise_alarm);
        let dirty = self.parts.values_mut().filter(|part| part.is_dirty());
        let mut commit = Commit { partitions: dirty.map(PartitionTask::hand_over).collect() };
        self.reading_order.move_into(&mut commit);
        if let Some(reader) = self.job.kind.loss_reader() {
            let operators = self.parts.values().map(|part| &*part.operator);
            self.losses.see(&commit, reader, operators);
        }
        self.waiting_since = None;
        self.handed_over = self.job.clock.now();
        if commit.partitions.is_empty() {
            return Ok(());
        }
        failpoints::pass(failpoints::BEFORE_COMMIT)?;
        self.commit_channel.commit(self.source.fencing_token(), commit)?;
        // Chunks of a large snapshot may still wait.
        self.notice_output();
        Ok(())
    }

    /// Commits until nothing waits.
    pub(super) fn commit_all(&mut self) -> Result<()> {
        while self.commit_channel.is_busy() || self.parts.values().any(PartitionTask::is_dirty) {
            self.hand_over()?;
        }
        Ok(())
    }

    pub(super) fn settle(&mut self, (commit, outcome): Committed) -> Result<()> {
        match outcome {
            Ok(()) => {
                failpoints::pass(failpoints::AFTER_COMMIT)?;
                let time = self.job.clock.now().saturating_sub(self.handed_over);
                self.job.metrics.committed(&commit.partitions, time);
                let is_aligned = self.job.kind.alignment().is_some();
                for mut done in commit.partitions {
                    // One row stands for those of a commit: the first, which has waited longest.
                    let rows = done.outputs.first().map(Block::messages);
                    let row = rows.and_then(|mut rows| rows.next());
                    if let Some(event_ms) = row.and_then(|it| self.job.kind.event_ms_of(it.1)) {
                        self.job.metrics.row_committed(event_ms);
                    }
                    if is_aligned {
                        self.reading_order.reuse(&mut done.keyed);
                    }
                    if let Some(part) = self.parts.get_mut(&done.partition) {
                        self.job.metrics.progressed(done.position(), &*part.operator);
                        part.reuse(done);
                    }
                }
                Ok(())
            }
            Err(CommitError::Rebuild(error)) => {
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                tracing::warn!(
                    "{error}{cause}; the outcome of a commit is unknown, so the store is asked"
                );
                self.rebuild()
            }
            Err(error) => Err(error.into()),
        }
    }
}
