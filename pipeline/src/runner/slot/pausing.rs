//! A pause: nothing is fetched, the slot keeps its partitions and its membership, and what was read
//! is committed.
//!
//! The source is still polled, so the group receives heartbeats. Idle detection is suspended, so
//! that no window is closed for a silence during the pause.

use seismic_queue::{Kind, Offset, Partition};

use super::Slot;
use crate::Result;
use crate::runner::partition_task::PartitionTask;

impl Slot<'_> {
    /// Stops fetching, or begins again, when that is wanted otherwise than before.
    pub(super) fn follow_pause(&mut self) -> Result<()> {
        let is_wanted = self.job.settings.pause.holds();
        if is_wanted == self.is_paused {
            return Ok(());
        }
        self.parts.values_mut().for_each(PartitionTask::end_unknown);
        let done = match is_wanted {
            true => self.source.pause(&self.parts.keys().copied().collect::<Vec<_>>()),
            false => self.resume(),
        };
        match done {
            Ok(()) => {
                self.is_paused = is_wanted;
                // All inputs are fetched again, or none.
                self.held.clear();
            }
            // It is retried with the next turn.
            Err(error) if error.kind() == Kind::Retry => tracing::warn!("{error}; trying again"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn resume(&mut self) -> seismic_queue::Result<()> {
        for input in 0..self.job.inputs.len() {
            let at = |part: &PartitionTask| (part.partition, part.operator.next(input));
            let at: Vec<(Partition, Offset)> = self.parts.values().map(at).collect();
            self.source.resume(input, &at)?;
        }
        Ok(())
    }
}
