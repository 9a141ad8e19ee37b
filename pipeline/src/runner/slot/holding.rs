//! Inputs that are held: what was read of them waits for another input, so they are not fetched
//! until that has come as far.

use std::collections::BTreeSet;

use seismic_queue::{Kind, Offset, Partition};

use super::Slot;
use crate::runner::partition_task::PartitionTask;
use crate::runner::settings::Finish;
use crate::{Error, Result};

impl Slot<'_> {
    /// Stops fetching what is held, and fetches again what is held no more.
    pub(super) fn follow_holds(&mut self) -> Result<()> {
        if self.job.inputs.len() < 2 || self.is_paused {
            return Ok(());
        }
        let inputs = self.job.inputs.len();
        // It is asked here, too: no message may come before which it would be.
        for part in self.parts.values_mut() {
            part.apply_own_entries(self.job.kind)?;
        }
        self.notice_output();
        self.check_held()?;
        let held: BTreeSet<_> = self.parts.values().flat_map(|part| held(part, inputs)).collect();
        if held == self.held {
            return Ok(());
        }
        match self.change_holds(&held) {
            Ok(()) => self.held = held,
            // It is retried with the next turn.
            Err(error) if error.kind() == Kind::Retry => tracing::warn!("{error}; trying again"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn change_holds(&mut self, held: &BTreeSet<(usize, Partition)>) -> seismic_queue::Result<()> {
        for (input, partition) in held.difference(&self.held) {
            self.source.pause_input(*input, &[*partition])?;
        }
        for (input, partition) in self.held.difference(held) {
            let Some(part) = self.parts.get(partition) else { continue };
            let at: (Partition, Offset) = (*partition, part.operator.next(*input));
            self.source.resume(*input, &[at])?;
        }
        Ok(())
    }

    /// The sources of these partitions were started again, and fetch all of their inputs.
    pub(super) fn forget_holds(&mut self, partitions: &[Partition]) -> Result<()> {
        let (gone, kept) = self.held.iter().partition(|it| partitions.contains(&it.1));
        let gone: BTreeSet<(usize, Partition)> = gone;
        self.held = kept;
        for (input, partition) in gone {
            if let Some(part) = self.parts.get(&partition) {
                self.source.resume(input, &[(partition, part.operator.next(input))])?;
            }
        }
        Ok(())
    }

    /// A bounded run in which nothing closes what is held ends with a reason instead of waiting.
    fn check_held(&self) -> Result<()> {
        let settings = self.job.settings;
        if settings.finish == Finish::Never || !settings.idle_timeout.is_zero() {
            return Ok(());
        }
        let inputs = self.job.inputs.len();
        for part in self.parts.values() {
            let mut others = (0..inputs).filter(|input| !part.operator.is_held(*input));
            let is_stuck = held(part, inputs).next().is_some()
                && others.all(|input| part.is_input_at_target(input));
            if is_stuck {
                let why = part.operator.alarm().unwrap_or_default();
                let why = format!("{why}; without an idle timeout that does not happen");
                return Err(Error::OperatorFailed { partition: part.partition, why });
            }
        }
        Ok(())
    }
}

/// Inputs of a task that are held.
fn held(part: &PartitionTask, inputs: usize) -> impl Iterator<Item = (usize, Partition)> + '_ {
    let held = (0..inputs).filter(|input| part.operator.is_held(*input));
    held.map(|input| (input, part.partition))
}
