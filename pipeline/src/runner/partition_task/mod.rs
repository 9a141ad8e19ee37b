//! One partition in a slot: its operator, what waits for the commit, and its snapshots.

pub(crate) mod idle_watch;
pub(crate) mod snapshotter;

use std::time::Duration;

use seismic_queue::{
    Batch, Block, CheckpointRequest, Fingerprint, JournalEntry, Offset, Partition, PartitionCommit,
    Recovered, Topic,
};

use crate::engine::journal::Entry;
use crate::engine::kind_note;
use crate::engine::operator::{Operator, OperatorKind};
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::partition_task::idle_watch::IdleWatch;
use crate::runner::partition_task::snapshotter::{Snapshotter, Taken};
use crate::runner::record_budget::RecordBudget;
use crate::runner::replay::input_logs::InputLogs;
use crate::runner::replay::{Replay, replay_several};
use crate::runner::settings::Settings;
use crate::{Error, Result, failpoints, limits};

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
    /// The last message before the stored position, until it was compared with the log.
    stored_delivered: Option<Fingerprint>,
    spare: PartitionCommit,
}

impl PartitionTask {
    /// A partition that was never committed; it begins at these offsets of the inputs and says so
    /// in the journal.
    pub fn begin(
        kind: &dyn OperatorKind,
        (inputs, partition, at): (&[Topic], Partition, &[Offset]),
        settings: &Settings,
    ) -> Self {
        let operator = kind.start(inputs, partition, at);
        let mut part = PartitionTask::with((kind, operator), None, settings);
        part.add_to_journal(&Entry::Start {
            kind: kind.name().to_owned(),
            semantics: kind.semantics(),
            from: settings.from.unwrap_or_default().to_string(),
            further: at[1..].to_vec(),
        });
        part
    }

    /// A partition that continues from its progress in the store.
    pub fn resume(
        kind: &dyn OperatorKind,
        recovered: &Recovered,
        inputs: &[Topic],
        settings: &Settings,
    ) -> Result<Self> {
        let (operator, replay) = Replay::prepare(recovered, inputs, kind)?;
        let mut part = PartitionTask::with((kind, operator), Some(replay), settings);
        part.go_on_from(recovered);
        if let Some(progress) = &recovered.progress {
            let partition = recovered.partition;
            let delivered = kind.delivered_of_note(&progress.note);
            part.stored_delivered =
                delivered.map_err(|source| Error::Note { partition, source })?;
            if let Some(last) = part.stored_delivered {
                part.operator.set_delivered(last);
            }
        }
        part.reported_keys = None;
        part.caught_up(part.operator.position())?;
        Ok(part)
    }

    /// As [`PartitionTask::resume`] with several inputs: what is to be replayed is read here, in
    /// the order of the journal, before anything new is.
    pub fn resume_several(
        kind: &dyn OperatorKind,
        recovered: &Recovered,
        (inputs, logs): (&[Topic], InputLogs<'_>),
        settings: &Settings,
    ) -> Result<Self> {
        let (operator, replayed) = replay_several(recovered, (inputs, logs), kind)?;
        let mut part = PartitionTask::with((kind, operator), None, settings);
        part.go_on_from(recovered);
        part.replayed = replayed;
        Ok(part)
    }

    fn go_on_from(&mut self, recovered: &Recovered) {
        if let Some(progress) = &recovered.progress {
            self.number = progress.number;
            self.handed.clear();
            self.handed.push(progress.next);
            self.handed.extend(&progress.further);
        }
        self.next_sequence = recovered.next_sequence;
        self.snapshots = Snapshotter::resume(recovered);
    }

    fn with(
        (kind, operator): (&dyn OperatorKind, Box<dyn Operator>),
        replay: Option<Replay>,
        settings: &Settings,
    ) -> Self {
        let (partition, inputs) = (operator.partition(), operator.inputs());
        let handed = (0..inputs).map(|input| operator.next(input)).collect();
        PartitionTask {
            partition,
            operator,
            kind: kind.name(),
            replay,
            replayed: 0,
            targets: Vec::new(),
            idle: (0..inputs).map(|_| IdleWatch::new(settings.idle_timeout)).collect(),
            idle_timeout: settings.idle_timeout,
            journal: Vec::new(),
            next_sequence: 0,
            run: None,
            number: 0,
            handed,
            snapshots: Snapshotter::default(),
            is_alarm_raised: false,
            reported_keys: Some(0),
            stored_delivered: None,
            spare: PartitionCommit::new(partition),
        }
    }

    /// How many inputs it reads.
    pub fn inputs(&self) -> usize {
        self.handed.len()
    }

    /// Takes the messages of a batch of an input, up to the target and the budget.
    pub fn apply_batch(
        &mut self,
        input: usize,
        batch: &Batch,
        budget: &RecordBudget,
    ) -> Result<()> {
        self.turn_to(input);
        let is_wanted = self.targets.get(input).is_none_or(|target| batch.next() <= *target);
        if self.replay.is_none() && is_wanted && budget.is_unlimited() {
            self.operator.apply_batch(input, batch);
            self.note_delivered(input, batch);
            return Ok(());
        }
        let is_replaying = self.is_replaying();
        let mut messages = batch.messages();
        messages.try_for_each(|message| self.apply_bounded(input, message, budget))?;
        if !is_replaying || !self.is_replaying() {
            self.note_delivered(input, batch);
        }
        self.caught_up(batch.next())
    }

    /// From here on it reads this input; which one that is is journaled where there are several.
    fn turn_to(&mut self, input: usize) {
        if self.inputs() > 1 && self.run.is_none_or(|(reading, _)| reading != input) {
            self.end_run();
            self.run = Some((input, self.operator.position()));
        }
    }

    /// Journals what was read of one input without a pause by another.
    fn end_run(&mut self) {
        if let Some((input, at)) = self.run.take()
            && self.operator.position() > at
        {
            self.push_entry(at, &Entry::Run { input, until: self.operator.next(input) });
        }
    }

    /// Applies what its kind has for it from elsewhere than the log, and journals it.
    ///
    /// # Errors
    /// When the operator refuses it.
    pub fn apply_own_entries(&mut self, kind: &dyn OperatorKind) -> Result<()> {
        if self.is_replaying() {
            return Ok(());
        }
        for bytes in kind.own_entries(&*self.operator) {
            let entry = Entry::Own(bytes);
            self.add_to_journal(&entry);
            let (partition, sequence) = (self.partition, self.next_sequence - 1);
            self.operator.apply_entry(&entry).map_err(|source| Error::Entry {
                partition,
                sequence,
                source,
            })?;
        }
        Ok(())
    }

    /// Notes which message of a batch of the first input was the last that had its effect.
    fn note_delivered(&mut self, input: usize, batch: &Batch) {
        if input > 0 {
            return;
        }
        if let Some(last) = batch.last_below(self.operator.next(input)) {
            self.operator.set_delivered(Fingerprint::of(last));
        }
    }

    /// The last message before the stored position, if it was not compared with the log yet.
    pub fn take_stored_delivered(&mut self) -> Option<Fingerprint> {
        self.stored_delivered.take()
    }

    fn apply_bounded(
        &mut self,
        input: usize,
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

    /// Closes every window.
    pub fn drain(&mut self) {
        if self.operator.drain() {
            self.add_to_journal(&Entry::End);
        }
    }

    /// Goes on at `first` in an input: what lies before it is gone, and the operator accepted that.
    pub fn accept_loss(&mut self, input: usize, first: Offset) {
        assert!(!self.is_replaying(), "the state at the loss is known");
        let from = self.operator.next(input);
        self.add_to_journal(&Entry::Gap { input, from, to: first });
        self.operator.gap(input, first);
    }

    /// Writes a journal entry for the next commit.
    fn add_to_journal(&mut self, entry: &Entry) {
        self.end_run();
        self.push_entry(self.operator.position(), entry);
    }

    fn push_entry(&mut self, at: Offset, entry: &Entry) {
        let sequence = self.next_sequence;
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
        self.end_run();
        self.snapshots.take(&*self.operator, self.next_sequence, clock)
    }

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
        kind_note::write(self.kind, &*self.operator, &mut commit.note);
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

#[cfg(test)]
mod tests;
