//! Partitions that move between the slots of one process, each as one value and after its last
//! commit is settled.

use seismic_queue::Partition;

use super::Slot;
use crate::Result;
use crate::runner::notices::loss_watch::SlotLosses;
use crate::runner::partition_task::PartitionTask;

impl Slot<'_> {
    /// Takes in what others gave, and gives away what is to be elsewhere; `false` when this slot is
    /// one too many and has nothing left.
    pub(super) fn follow_pool(&mut self) -> Result<bool> {
        let Some(place) = &mut self.place else { return Ok(true) };
        let Some(version) = place.news() else { return Ok(true) };
        let given = place.take();
        self.take_in(given)?;
        let is_done = self.give_away()?;
        let Some(place) = &mut self.place else { return Ok(true) };
        if is_done {
            place.has_seen(version);
        }
        // Before it was told what it begins with, it does not know what it has.
        Ok(!(self.is_assigned && self.parts.is_empty() && place.leave()))
    }

    /// What was given to this slot last, when it ends: it is committed with everything else.
    pub(super) fn take_in_the_last(&mut self) {
        let given = self.place.iter_mut().flat_map(|place| place.close()).collect::<Vec<_>>();
        for task in given {
            self.job.metrics.assigned(&[task.partition]);
            self.parts.insert(task.partition, task);
        }
    }

    fn take_in(&mut self, given: Vec<PartitionTask>) -> Result<()> {
        if given.is_empty() {
            return Ok(());
        }
        let partitions: Vec<Partition> = given.iter().map(|task| task.partition).collect();
        self.job.metrics.assigned(&partitions);
        let mut left = Vec::new();
        for mut task in given {
            left.extend(task.left.take());
            let before = self.parts.insert(task.partition, task);
            assert!(before.is_none(), "a partition is in one slot");
        }
        self.read_on(&partitions)?;
        let now = self.job.clock.now();
        if let Some(pause) = left.into_iter().map(|left| now.saturating_sub(left)).max() {
            self.job.metrics.moved(partitions.len(), pause);
            tracing::info!(
                "{} partitions came from other slots; nothing was read of them for {} ms",
                partitions.len(),
                pause.as_millis()
            );
        }
        Ok(())
    }

    /// Whether nothing is left that is to be elsewhere. What is replayed goes when that is over.
    fn give_away(&mut self) -> Result<bool> {
        let Some(place) = &self.place else { return Ok(true) };
        let leaving = place.foreign(self.parts.keys().copied());
        if leaving.is_empty() {
            return Ok(true);
        }
        let now = self.job.clock.now();
        // Losses are compared with open windows, which go.
        self.tell_losses(true);
        self.losses = SlotLosses::default();
        self.commit_all()?;
        let (mut all_gone, mut back) = (true, Vec::new());
        for partition in leaving {
            let Some(mut task) = self.parts.remove(&partition) else { continue };
            if !task.is_settled() {
                all_gone = false;
                self.parts.insert(partition, task);
                continue;
            }
            self.source.release(&[partition])?;
            self.held.retain(|(_, held)| *held != partition);
            task.left = Some(now);
            self.job.metrics.removed(&[partition]);
            let Some(place) = &self.place else { continue };
            if let Err(task) = place.give(task) {
                back.push(*task);
            }
        }
        self.take_in(back)?;
        Ok(all_gone)
    }
}
