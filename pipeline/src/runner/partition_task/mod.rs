//! One partition in a slot: its operator, what waits for the commit, and its snapshots.

use std::time::Duration;

use seismic_queue::{
    Batch, Block, CheckpointRequest, JournalEntry, Offset, Partition, PartitionCommit, Recovered,
    Topic,
};

use crate::engine::journal::Entry;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::idle_watch::IdleWatch;
use crate::runner::record_budget::RecordBudget;
use crate::runner::replay::Replay;
use crate::runner::settings::Settings;
use crate::runner::snapshotter::{Snapshotter, Taken};
use crate::{Result, failpoints};

/// A partition at work.
pub(crate) struct PartitionTask {
    pub partition: Partition,
    pub operator: Box<dyn Operator>,
    replay: Option<Replay>,
    /// Messages replayed at this start.
    pub replayed: u64,
    /// Where a bounded run stops.
    pub target: Option<Offset>,
    idle: IdleWatch,
    idle_timeout: Duration,
    journal: Vec<JournalEntry>,
    next_sequence: u64,
    /// Number and position of the last commit handed over.
    number: u64,
    handed: Offset,
    snapshots: Snapshotter,
    /// Whether it was logged that the limit of sensors is reached.
    is_alarm_raised: bool,
    spare: PartitionCommit,
}

impl PartitionTask {
    /// A partition that was never committed; it begins at `start` and says so in the journal.
    pub fn begin(
        kind: &dyn OperatorKind,
        (topic, partition, start): (&Topic, Partition, Offset),
        settings: &Settings,
    ) -> Self {
        let operator = kind.start(&topic.name, partition, start);
        let mut part = PartitionTask::with(operator, None, settings);
        let from = settings.from.unwrap_or_default().to_string();
        part.add_to_journal(&kind.start_entry(from));
        part
    }

    /// A partition that continues from its progress in the store.
    pub fn resume(
        kind: &dyn OperatorKind,
        recovered: &Recovered,
        topic: &Topic,
        settings: &Settings,
    ) -> Result<Self> {
        let (operator, replay) = Replay::prepare(recovered, topic, kind)?;
        let mut part = PartitionTask::with(operator, Some(replay), settings);
        if let Some(progress) = &recovered.progress {
            part.number = progress.number;
            part.handed = progress.next;
        }
        part.next_sequence = recovered.next_sequence;
        part.snapshots = Snapshotter::resume(recovered);
        part.caught_up(part.operator.position())?;
        Ok(part)
    }

    fn with(operator: Box<dyn Operator>, replay: Option<Replay>, settings: &Settings) -> Self {
        let (partition, start) = (operator.partition(), operator.position());
        PartitionTask {
            partition,
            operator,
            replay,
            replayed: 0,
            target: None,
            idle: IdleWatch::new(settings.idle_timeout),
            idle_timeout: settings.idle_timeout,
            journal: Vec::new(),
            next_sequence: 0,
            number: 0,
            handed: start,
            snapshots: Snapshotter::default(),
            is_alarm_raised: false,
            spare: PartitionCommit::new(partition),
        }
    }

    /// Takes the messages of a batch, up to the target and the budget.
    pub fn apply_batch(&mut self, batch: &Batch, budget: &RecordBudget) -> Result<()> {
        let is_wanted = self.target.is_none_or(|target| batch.next() <= target);
        if self.replay.is_none() && is_wanted && budget.is_unlimited() {
            self.operator.apply_batch(batch);
            return Ok(());
        }
        let mut messages = batch.messages();
        messages.try_for_each(|message| self.apply_bounded(message, budget))?;
        self.caught_up(batch.next())
    }

    fn apply_bounded(
        &mut self,
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
        }
        if self.target.is_some_and(|target| message.offset >= target) || budget.is_spent() {
            return Ok(());
        }
        let before = self.operator.records_read();
        self.operator.apply_message(message);
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

    /// A read found the end of the log at `at`, and everything before it was taken.
    pub fn is_at_end(&mut self, at: Offset, budget: &RecordBudget) -> Result<()> {
        self.caught_up(at)?;
        if !self.is_replaying() && !budget.is_spent() {
            // Messages from the target on were read, but not taken.
            self.operator.pass(self.target.map_or(at, |target| at.min(target)));
        }
        Ok(())
    }

    /// Position of the last commit handed over.
    pub fn committed(&self) -> Offset {
        self.handed
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
        !self.is_replaying() && self.target.is_some_and(|target| self.operator.position() >= target)
    }

    /// The log's end was asked for at `now` (taken before the question); appends of the time
    /// `in_flight` before it may not show yet. Closes what is idle.
    pub fn observe_end(&mut self, now: Duration, in_flight: Duration, end: Offset) {
        if self.is_replaying() || self.idle_timeout.is_zero() {
            return;
        }
        let position = self.operator.position();
        self.idle.observe_end(now, in_flight, position, end);
        let Some(below) = self.idle.passed(position) else {
            return;
        };
        if self.operator.close_idle(below) {
            let idle_timeout_ms = self.idle_timeout.as_millis() as i64;
            self.add_to_journal(&Entry::Idle { below, idle_timeout_ms });
        }
    }

    /// The log's end could not be asked for: nothing that was noted may close anything.
    pub fn end_unknown(&mut self) {
        self.idle.reset();
    }

    /// Closes every window.
    pub fn drain(&mut self) {
        if self.operator.drain() {
            self.add_to_journal(&Entry::End);
        }
    }

    /// Goes on at `first`: what lies before it is gone, and the operator accepted that.
    pub fn accept_loss(&mut self, first: Offset) {
        assert!(!self.is_replaying(), "the state at the loss is known");
        let from = self.operator.position();
        self.add_to_journal(&Entry::Gap { from, to: first });
        self.operator.gap(first);
    }

    /// Writes a journal entry for the next commit.
    fn add_to_journal(&mut self, entry: &Entry) {
        let (sequence, at) = (self.next_sequence, self.operator.position());
        self.journal.push(JournalEntry { sequence, at, bytes: entry.encode() });
        self.next_sequence += 1;
    }

    /// Adds to the time that a replay would take.
    pub fn add_work(&mut self, time: Duration) {
        self.snapshots.add_work(time);
    }

    /// Whether a snapshot would save more than it costs.
    pub fn is_snapshot_due(&self, now: Duration, settings: &Settings) -> bool {
        self.replay.is_none() && self.is_ahead_of_snapshot() && self.snapshots.is_due(now, settings)
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
    pub fn snapshot(&mut self, clock: impl Fn() -> Duration) -> Result<Taken> {
        self.snapshots.take(&*self.operator, self.next_sequence, clock)
    }

    /// Bytes of output that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.operator.waiting_bytes()
    }

    /// Whether rows, dead letters, journal entries or a snapshot wait.
    pub fn has_output(&self) -> bool {
        self.operator.waiting_bytes() > 0 || !self.journal.is_empty() || self.snapshots.is_pending()
    }

    /// Whether there is anything that a commit would change.
    pub fn is_dirty(&self) -> bool {
        !self.is_replaying() && (self.has_output() || self.operator.position() > self.handed)
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

    /// Moves everything that waits into a commit.
    ///
    /// # Panics
    /// When records were lost count of: a job that cannot add up must not commit.
    pub fn hand_over(&mut self) -> PartitionCommit {
        assert!(!self.is_replaying(), "a replay is over before anything is committed");
        assert!(self.operator.is_balanced(), "every record is in exactly one place");
        let mut commit = std::mem::replace(&mut self.spare, PartitionCommit::new(self.partition));
        self.number += 1;
        self.handed = self.operator.position();
        commit.number = self.number;
        commit.next = self.handed;
        self.operator.write_note(&mut commit.note);
        self.operator.move_output(&mut commit);
        std::mem::swap(&mut commit.journal, &mut self.journal);
        self.snapshots.fill(&mut commit);
        commit
    }

    /// The commit with which it continues after a rescale, with the state that its operator has from
    /// now on. It carries the whole snapshot.
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

#[cfg(test)]
mod tests;
