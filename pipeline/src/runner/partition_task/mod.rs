//! One partition in a slot: its operator, its pending output, and its snapshots.

mod handover;
pub(crate) mod idle_watch;
mod journal;
pub(crate) mod snapshotter;
mod start;

use std::time::Duration;

use seismic_queue::{
    Batch, CheckpointRequest, Fingerprint, JournalEntry, Offset, Partition, PartitionCommit,
};

use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::partition_task::idle_watch::IdleWatch;
use crate::runner::partition_task::snapshotter::{SnapshotCost, Snapshotter};
use crate::runner::received;
use crate::runner::record_budget::RecordBudget;
use crate::runner::replay::Replay;
use crate::runner::settings::Settings;
use crate::{Result, failpoints};

/// A partition at work.
pub(crate) struct PartitionTask {
    pub partition: Partition,
    pub operator: Box<dyn Operator>,
    /// Name of its kind.
    kind: &'static str,
    replay: Option<Replay>,
    /// Messages replayed at this start.
    pub replayed: u64,
    /// Where a bounded run stops in each input; empty when it is not bounded.
    pub targets: Vec<Offset>,
    /// One for each input.
    idle: Vec<IdleWatch>,
    idle_timeout: Duration,
    journal: Vec<JournalEntry>,
    next_sequence: u64,
    /// Where there are several inputs: the one being read, and the position at which that began.
    run: Option<(usize, Offset)>,
    /// Number of the last commit handed over, and its position in each input.
    number: u64,
    handed: Vec<Offset>,
    snapshots: Snapshotter,
    /// Whether it was logged that the limit of sensors is reached.
    is_alarm_raised: bool,
    /// Keys that were reported to the watch for spread sensors; `None`: none, and those of the
    /// store come first.
    reported_keys: Option<u64>,
    /// The last message of each input that had its effect, as far as it is known; empty where there
    /// is one input, since the operator knows it.
    delivered: Vec<Option<Fingerprint>>,
    spare: PartitionCommit,
    /// When nothing more was read of it because it is on its way to another slot.
    pub left: Option<Duration>,
}

impl PartitionTask {
    /// How many inputs it reads.
    pub fn inputs(&self) -> usize {
        self.handed.len()
    }

    /// Takes the messages of a batch of an input, up to the target and the budget; before the first
    /// that is new, what the kind has for it from elsewhere.
    pub fn apply_batch(
        &mut self,
        (kind, input): (&dyn OperatorKind, usize),
        batch: &Batch,
        budget: &RecordBudget,
    ) -> Result<()> {
        received::log(batch);
        self.apply_own_entries(kind)?;
        self.turn_to(input);
        let is_wanted = self.targets.get(input).is_none_or(|target| batch.next() <= *target);
        if self.replay.is_none() && is_wanted && budget.is_unlimited() {
            self.operator.apply_batch(input, batch);
            self.note_delivered(input, batch);
            return Ok(());
        }
        let is_replaying = self.is_replaying();
        let mut messages = batch.messages();
        messages.try_for_each(|message| self.apply_bounded((kind, input), message, budget))?;
        if !is_replaying || !self.is_replaying() {
            self.note_delivered(input, batch);
        }
        self.caught_up(batch.next())
    }

    /// Notes which message of a batch of an input was the last that had its effect.
    fn note_delivered(&mut self, input: usize, batch: &Batch) {
        if let Some(last) = batch.last_below(self.operator.next(input)) {
            self.set_delivered(input, Fingerprint::of(last));
        }
    }

    /// Notes the last message of an input that had its effect.
    pub fn set_delivered(&mut self, input: usize, last: Fingerprint) {
        match self.delivered.get_mut(input) {
            Some(delivered) => *delivered = Some(last),
            None => self.operator.set_delivered(last),
        }
    }

    fn apply_bounded(
        &mut self,
        (kind, input): (&dyn OperatorKind, usize),
        message: seismic_queue::Message<'_>,
        budget: &RecordBudget,
    ) -> Result<()> {
        if let Some(replay) = &mut self.replay {
            if replay.covers(message.offset, &mut *self.operator)? {
                failpoints::pass(failpoints::REPLAY)?;
                replay.step(message, &mut *self.operator);
                return Ok(());
            }
            self.caught_up(message.offset)?;
            self.apply_own_entries(kind)?;
        }
        if self.targets.get(input).is_some_and(|target| message.offset >= *target)
            || budget.is_spent()
        {
            return Ok(());
        }
        let before = self.operator.records_read();
        self.operator.apply_message(input, message);
        budget.spend(self.operator.records_read() - before);
        Ok(())
    }

    /// The log has nothing more before `position`; ends a replay that has come that far.
    pub fn caught_up(&mut self, position: Offset) -> Result<()> {
        if let Some(replay) = &mut self.replay
            && replay.is_over(position, &mut *self.operator)?
        {
            self.replayed = replay.messages();
            self.replay = None;
        }
        Ok(())
    }

    /// A read found the end of an input's log at `at`, and everything before it was taken.
    pub fn is_at_end(&mut self, input: usize, at: Offset, budget: &RecordBudget) -> Result<()> {
        self.caught_up(at)?;
        if !self.is_replaying() && !budget.is_spent() {
            // Messages from the target on were read, but not taken.
            let to = self.targets.get(input).map_or(at, |target| at.min(*target));
            if to > self.operator.next(input) {
                self.turn_to(input);
                self.operator.pass(input, to);
            }
        }
        Ok(())
    }

    /// Position of the last commit handed over, in an input.
    pub fn committed(&self, input: usize) -> Offset {
        self.handed[input]
    }

    /// Whether stored messages are still being done again.
    pub fn is_replaying(&self) -> bool {
        self.replay.is_some()
    }

    /// Whether a bounded run has nothing more to do here.
    pub fn is_finished(&self, budget: &RecordBudget) -> bool {
        !self.is_replaying() && (budget.is_spent() || self.is_at_target())
    }

    /// Whether everything was read that the log had when a bounded run began.
    pub fn is_at_target(&self) -> bool {
        let mut targets = self.targets.iter().enumerate();
        !self.is_replaying()
            && !self.targets.is_empty()
            && targets.all(|(input, target)| self.operator.next(input) >= *target)
    }

    /// Whether everything was read of an input that it had when a bounded run began.
    pub fn is_input_at_target(&self, input: usize) -> bool {
        let target = self.targets.get(input);
        target.is_some_and(|target| self.operator.next(input) >= *target)
    }

    /// An input's end was asked for at `now` (taken before the question); appends of the time
    /// `in_flight` before it may not show yet. Closes what is idle.
    pub fn observe_end(&mut self, input: usize, now: Duration, in_flight: Duration, end: Offset) {
        if self.is_replaying() || self.idle_timeout.is_zero() {
            return;
        }
        let position = self.operator.next(input);
        let idle = &mut self.idle[input];
        idle.observe_end(now, in_flight, position, end);
        let Some(below) = idle.passed(position) else {
            return;
        };
        if self.operator.close_idle(input, below) {
            let idle_timeout_ms = self.idle_timeout.as_millis() as i64;
            self.add_to_journal(&Entry::Idle { input, below, idle_timeout_ms });
        }
    }

    /// The log's end could not be asked for: nothing that was noted may close anything.
    pub fn end_unknown(&mut self) {
        self.idle.iter_mut().for_each(IdleWatch::reset);
    }

    /// Adds to the time that a replay would take.
    pub fn add_work(&mut self, time: Duration) {
        self.snapshots.add_work(time);
    }

    /// Whether a snapshot would save more than it costs.
    pub fn is_snapshot_due(&self, now: Duration, settings: &Settings) -> bool {
        self.replay.is_none() && self.is_ahead_of_snapshot() && self.snapshots.is_due(now, settings)
    }

    /// Whether whoever has the partition next is better off with another snapshot.
    pub fn is_snapshot_worth_it(&self) -> bool {
        self.replay.is_none() && self.is_ahead_of_snapshot() && self.snapshots.is_worth_it()
    }

    /// Whether the newest snapshot, written or on its way, is of an older state than this one.
    pub fn is_ahead_of_snapshot(&self) -> bool {
        self.snapshots.is_behind(self.operator.position(), self.next_sequence)
    }

    /// Lets the next snapshot answer these requests; `false` when all were answered before.
    pub fn has_to_answer(&mut self, requests: &[CheckpointRequest]) -> bool {
        self.snapshots.has_to_answer(self.partition, requests)
    }

    /// Takes a snapshot; its chunks travel with the next commits. `clock` gives the time.
    pub fn snapshot(&mut self, clock: impl Fn() -> Duration) -> Result<SnapshotCost> {
        self.end_run();
        self.snapshots.begin(&*self.operator, self.next_sequence, clock)
    }

    /// Reports the keys that are new.
    pub fn report_keys(&mut self, watch: &SpreadWatch, now: Duration) {
        let reported = self.reported_keys.unwrap_or(0);
        if !self.is_replaying() && self.operator.keys() > reported {
            watch.see(&*self.operator, reported, self.reported_keys.is_none(), now);
        }
        if !self.is_replaying() {
            self.reported_keys = Some(self.operator.keys());
        }
    }

    /// Tells a person, once a run, what the operator has to say.
    pub fn raise_alarm(&mut self) {
        if self.is_alarm_raised {
            return;
        }
        if let Some(alarm) = self.operator.alarm() {
            self.is_alarm_raised = true;
            tracing::error!("{alarm}");
        }
    }
}

#[cfg(test)]
mod tests;
