//! The end of a slot: whether its work is done, and how it leaves everything committed.

use std::sync::atomic::Ordering;

use seismic_queue::Kind;

use super::Slot;
use crate::runner::partition_task::PartitionTask;
use crate::runner::settings::Finish;
use crate::{Error, Result};

impl Slot<'_> {
    pub(super) fn is_finished(&mut self) -> Result<bool> {
        let is_bounded =
            self.job.settings.finish != Finish::Never || !self.job.budget.is_unlimited();
        if !is_bounded || !self.parts.values().all(|part| part.is_finished(self.job.budget)) {
            return Ok(false);
        }
        match self.job.shared {
            None => Ok(!self.parts.is_empty()),
            Some(_) if self.job.budget.is_spent() => Ok(true),
            // Not before the group has said what is this slot's.
            Some(_) if self.source.is_lost() => Ok(false),
            Some(shared) => {
                if !std::mem::replace(&mut self.has_place, true) {
                    shared.unplaced.fetch_sub(1, Ordering::Relaxed);
                }
                if shared.unplaced.load(Ordering::Relaxed) > 0 {
                    return Ok(false);
                }
                if !shared.is_done.load(Ordering::Relaxed) && self.are_others_done(shared)? {
                    shared.is_done.store(true, Ordering::Relaxed);
                }
                Ok(shared.is_done.load(Ordering::Relaxed))
            }
        }
    }

    /// The log has nothing more to give for a reason that needs a person. What was read before is
    /// whole: it is committed with a snapshot, so that going on needs nothing but what comes next.
    pub(super) fn leave(&mut self, error: Error) -> Error {
        if error.kind() == Kind::Data
            && let Err(further) = self.close_down()
        {
            tracing::warn!("what was read before could not be committed: {further}");
        }
        error
    }

    /// Leaves everything committed, with a snapshot, so that the next start has nothing to replay.
    pub(super) fn close_down(&mut self) -> Result<()> {
        self.take_in_the_last();
        // One that was at its end when it began has taken no turn.
        self.watch_spread()?;
        let clock = self.job.clock;
        let is_drained = self.job.settings.finish == Finish::Drain
            && self.parts.values().all(PartitionTask::is_at_target);
        for part in self.parts.values_mut().filter(|part| !part.is_replaying()) {
            if is_drained {
                part.drain();
            }
            if part.is_ahead_of_snapshot() {
                self.job.metrics.snapshot_taken(part.snapshot(|| clock.now())?);
            }
        }
        self.commit_all()
    }
}
