//! Ends of the logs that a slot reads: queried regularly for idle detection and for the lag.

use std::time::Duration;

use seismic_queue::{Kind, Offset};

use super::Slot;
use crate::runner::first_step::FirstStep;
use crate::runner::partition_task::PartitionTask;
use crate::{Error, Result, limits};

impl Slot<'_> {
    /// Asks for the ends of the log when that is due, and closes what is idle.
    pub(super) fn check_ends(&mut self) -> Result<()> {
        let now = self.job.clock.now();
        if self.ends_checked.is_some_and(|asked| now - asked < limits::END_ASKED_EVERY) {
            return Ok(());
        }
        self.ends_checked = Some(now);
        let unfinished = |part: &&mut PartitionTask| !part.is_finished(self.job.budget);
        let parts: Vec<_> = self.parts.values_mut().filter(unfinished).collect();
        let partitions: Vec<_> = parts.iter().map(|part| part.partition).collect();
        if parts.is_empty() {
            return Ok(());
        }
        // In this order: what shows by the first answer lies below the second.
        let of_source = self.source.in_flight().map_err(Error::from);
        let of_first_step = self.job.first_step.map_or(Ok(Duration::ZERO), FirstStep::in_flight);
        let in_flight = match of_source.and_then(|it| Ok(it.max(of_first_step?))) {
            Ok(in_flight) => in_flight,
            Err(error) if error.kind() == Kind::Retry => {
                parts.into_iter().for_each(PartitionTask::end_unknown);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        // Over all inputs, as a task's position is; `None` where one of them is not known.
        let mut sums = vec![Some(0); parts.len()];
        let mut parts: Vec<_> = parts.into_iter().zip(&mut sums).collect();
        for input in 0..self.job.inputs.len() {
            for ((part, sum), end) in parts.iter_mut().zip(self.source.ends(input, &partitions)) {
                match end {
                    Ok(end) => {
                        **sum = sum.map(|sum: u64| sum + end.0);
                        part.observe_end(input, now, in_flight, end);
                    }
                    Err(error) if error.kind() == Kind::Retry => {
                        **sum = None;
                        part.end_unknown();
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        if self.is_paused {
            // What is there is not read: nothing of it is a silence.
            self.parts.values_mut().for_each(PartitionTask::end_unknown);
        }
        for (partition, sum) in partitions.into_iter().zip(sums) {
            if let Some(end) = sum {
                self.job.metrics.end_seen(partition, Offset(end));
            }
        }
        self.notice_output();
        Ok(())
    }
}
