//! The one loop: poll, apply, hand over to the committer. A slot is one thread with its partitions
//! and its way to a committer.

mod assignment;
pub(crate) mod shared_job;
pub(crate) mod sources;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seismic_queue::{
    Batch, Commit, CommitError, Event, Kind, Offset, Partition, Queue, Source, Span, Topic,
};

use crate::engine::operator::OperatorKind;
use crate::runner::clock::Clock;
use crate::runner::commit::channel::{CommitChannel, Committed};
use crate::runner::housekeeping::checkpoint_requests::CheckpointRequests;
use crate::runner::metrics::Metrics;
use crate::runner::notices::loss_watch::{LossWatch, SlotLosses};
use crate::runner::notices::spread_watch::SpreadWatch;
use crate::runner::partition_task::PartitionTask;
use crate::runner::record_budget::RecordBudget;
use crate::runner::settings::{Finish, Settings};
use crate::runner::slot::shared_job::SharedJob;
use crate::runner::slot::sources::{OpenFurther, Sources};
use crate::{Error, Result, failpoints, limits};

/// Position of a bounded wait: nothing to read, but commits and questions may be due.
const POLL: Duration = Duration::from_millis(10);

/// A position that moved without output is committed this often, so that `status` is fresh.
const QUIET_COMMIT_EVERY: Duration = Duration::from_secs(1);

/// One slot of a job.
pub struct Slot<'a> {
    job: SlotContext<'a>,
    /// How far the other workers were when that was read last.
    others: Option<OthersSeen>,
    source: Sources,
    commit_channel: Box<dyn CommitChannel>,
    parts: BTreeMap<Partition, PartitionTask>,
    spare: Vec<Batch>,
    ends_checked: Option<Duration>,
    /// When the oldest output that waits was emitted.
    waiting_since: Option<Duration>,
    /// When a commit was handed over last.
    handed_over: Duration,
    /// How often the engines were made again.
    rebuilt: u64,
    /// Whether it has taken a turn.
    has_begun: bool,
    /// Whether its group has assigned it its partitions.
    has_place: bool,
    /// What its commits lose.
    losses: SlotLosses,
}

/// How far the other workers of a shared job had come.
struct OthersSeen {
    at: Duration,
    /// Whether every partition was at its target.
    are_done: bool,
}

/// What a slot needs from its job.
pub struct SlotContext<'a> {
    /// What is read.
    pub inputs: &'a [Topic],
    /// Where it is read again, in the order of the journal, by a partition with several inputs.
    pub queue: &'a dyn Queue,
    /// Opens the sources of further inputs.
    pub open: OpenFurther<'a>,
    /// What kind of job it is.
    pub kind: &'a dyn OperatorKind,
    /// How the job runs.
    pub settings: &'a Settings,
    /// What a bounded run may still read.
    pub budget: &'a RecordBudget,
    /// Told of what is done.
    pub metrics: &'a Metrics,
    /// Set when the job is to stop.
    pub stop: &'a AtomicBool,
    /// Checkpoints that people ask for.
    pub checkpoint_requests: &'a CheckpointRequests,
    /// Finds sensors that are spread over partitions.
    pub spread: &'a SpreadWatch,
    /// Remembers which losses were reported, and when.
    pub losses: &'a LossWatch,
    /// The only time there is.
    pub clock: &'a dyn Clock,
    /// Where a partition that was never committed begins in each input.
    pub begin_at: &'a (dyn Fn(Partition) -> Result<Vec<Offset>> + Sync),
    /// What the log of each partition of an input still has.
    pub spans: &'a (dyn Fn(&Topic) -> Result<Vec<Span>> + Sync),
    /// Of a job that several workers share.
    pub shared: Option<&'a SharedJob<'a>>,
}

impl<'a> Slot<'a> {
    /// A slot that has done nothing yet; `source` is that of the first input.
    pub fn new(
        job: SlotContext<'a>,
        source: Box<dyn Source>,
        commit_channel: Box<dyn CommitChannel>,
    ) -> Self {
        let source = Sources::new(source, job.inputs.len());
        Slot {
            job,
            others: None,
            source,
            commit_channel,
            parts: BTreeMap::new(),
            spare: Vec::new(),
            ends_checked: None,
            waiting_since: None,
            handed_over: Duration::ZERO,
            rebuilt: 0,
            has_begun: false,
            has_place: false,
            losses: SlotLosses::default(),
        }
    }

    /// Works until it is stopped, its bounded work is done, or something cannot be helped.
    ///
    /// # Errors
    /// Whatever [`Error`] says; what was committed stays, the rest is repeated by the next run.
    pub fn run(mut self) -> Result<()> {
        while self.step()? {}
        self.tell_losses(true);
        self.job.spread.retire(self.parts.into_values().map(|part| part.operator));
        Ok(())
    }

    /// One turn, or, when there is nothing more to do, the closing down; `false` when that is
    /// done.
    ///
    /// # Errors
    /// As [`Slot::run`]; the slot is of no further use.
    pub fn step(&mut self) -> Result<bool> {
        // The first turn is taken by a slot that was stopped before it began, too: one that finds
        // its partitions gone stops the others, and theirs may be gone as well.
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let goes_on = !has_begun || !self.is_stopped();
        if goes_on && !self.is_finished()? {
            self.turn()?;
            return Ok(true);
        }
        let rebuilt = self.rebuilt;
        self.close_down()?;
        // A last commit of unknown outcome leaves engines that must catch up once more.
        Ok(self.rebuilt != rebuilt && !self.is_stopped())
    }

    fn is_stopped(&self) -> bool {
        self.job.stop.load(Ordering::Relaxed)
    }

    /// One turn of the loop.
    fn turn(&mut self) -> Result<()> {
        self.watch_spread()?;
        self.tell_losses(false);
        match self.source.poll(POLL, &mut self.spare) {
            Ok((input, event)) => self.handle(input, event)?,
            Err(error) if error.kind() == Kind::Retry => self.wait_for_source(&error),
            Err(error) => return Err(self.leave(error.into())),
        }
        self.check_ends()?;
        if let Some(committed) = self.commit_channel.poll_outcome(Duration::ZERO)? {
            self.settle(committed)?;
        }
        self.answer_checkpoint_requests()?;
        self.take_due_snapshots()?;
        if self.is_commit_due() {
            self.hand_over()?;
        }
        Ok(())
    }

    fn handle(&mut self, input: usize, event: Event) -> Result<()> {
        match event {
            Event::Batch(batch) => {
                failpoints::pass(failpoints::AFTER_POLL)?;
                self.apply_batch(input, &batch)?;
                self.spare.push(batch);
                failpoints::pass(failpoints::AFTER_STEP)?;
            }
            Event::CaughtUp(partition, at) => {
                if let Some(part) = self.parts.get_mut(&partition) {
                    part.is_at_end(input, at, self.job.budget)?;
                }
            }
            Event::Assigned(partitions) => {
                self.job.metrics.assigned(&partitions);
                self.assigned(&partitions)?;
            }
            Event::Revoked(partitions) => {
                self.commit_all()?;
                failpoints::pass(failpoints::REVOKED)?;
                self.parts.retain(|partition, _| !partitions.contains(partition));
                self.job.metrics.removed(&partitions);
                self.source.release(&partitions)?;
            }
            Event::Lost(partitions) => {
                self.job.metrics.removed(&partitions);
                self.lost(&partitions)?;
            }
            Event::Nothing => {}
        }
        Ok(())
    }

    fn apply_batch(&mut self, input: usize, batch: &Batch) -> Result<()> {
        let partition = batch.partition();
        let Some(part) = self.parts.get_mut(&partition) else {
            // Engines go when a commit hears of a loss; the group may say it a moment later.
            let is_lost = self.source.is_lost();
            return if is_lost { Ok(()) } else { Err(Error::Unassigned(partition)) };
        };
        let before = part.operator.records_read();
        let replaying = part.is_replaying();
        let began = self.job.clock.now();
        part.apply_own_entries(self.job.kind)?;
        part.apply_batch(input, batch, self.job.budget)?;
        part.add_work(self.job.clock.now().saturating_sub(began));
        if replaying {
            self.job.metrics.replayed(batch.len() as u64);
        } else {
            let read = part.operator.records_read() - before;
            self.job.metrics.read(read);
            self.losses.read(read);
        }
        self.notice_output();
        Ok(())
    }

    fn notice_output(&mut self) {
        if self.waiting_since.is_none() && self.parts.values().any(PartitionTask::has_output) {
            self.waiting_since = Some(self.job.clock.now());
        }
    }

    /// Asks for the ends of the log when that is due, and closes what is idle.
    fn check_ends(&mut self) -> Result<()> {
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
        let in_flight = match self.source.in_flight() {
            Ok(in_flight) => in_flight,
            Err(error) if error.kind() == Kind::Retry => {
                parts.into_iter().for_each(PartitionTask::end_unknown);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
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
        for (partition, sum) in partitions.into_iter().zip(sums) {
            if let Some(end) = sum {
                self.job.metrics.end_seen(partition, Offset(end));
            }
        }
        self.notice_output();
        Ok(())
    }

    /// Reports sensors that are new, and finds those that are spread over partitions.
    fn watch_spread(&mut self) -> Result<()> {
        let (watch, now) = (self.job.spread, self.job.clock.now());
        if !watch.is_needed() {
            return Ok(());
        }
        self.parts.values_mut().for_each(|part| part.report_keys(watch, now));
        if !watch.is_due(now) {
            return Ok(());
        }
        for notice in watch.ask(self.parts.values().map(|part| &*part.operator), now)? {
            self.job.metrics.notice(&notice);
        }
        Ok(())
    }

    /// Tells what is lost, when it is time.
    fn tell_losses(&mut self, is_last: bool) {
        let operators = self.parts.values().map(|part| &*part.operator);
        let now = self.job.clock.now();
        for notice in self.losses.judge(self.job.losses, operators, now, is_last) {
            self.job.metrics.notice(&notice);
        }
    }

    fn wait_for_source(&mut self, error: &seismic_queue::Error) {
        tracing::warn!("{error}; retrying to read");
        self.parts.values_mut().for_each(PartitionTask::end_unknown);
        // The source has waited already for what it waits for; this only keeps a loop from
        // spinning.
        self.job.clock.sleep(Duration::from_millis(100));
    }

    /// Takes the checkpoints that are asked for, each partition one for all of them. A partition
    /// that replays does so when it is done.
    fn answer_checkpoint_requests(&mut self) -> Result<()> {
        let (requests, clock) = (self.job.checkpoint_requests.open(), self.job.clock);
        if requests.is_empty() {
            return Ok(());
        }
        for part in self.parts.values_mut().filter(|part| !part.is_replaying()) {
            if part.has_to_answer(&requests) {
                self.job.metrics.snapshot_taken(part.snapshot(|| clock.now())?);
            }
        }
        self.notice_output();
        Ok(())
    }

    fn take_due_snapshots(&mut self) -> Result<()> {
        let (now, clock) = (self.job.clock.now(), self.job.clock);
        for part in self.parts.values_mut() {
            if part.is_snapshot_due(now, self.job.settings) {
                self.job.metrics.snapshot_taken(part.snapshot(|| clock.now())?);
            }
        }
        self.notice_output();
        Ok(())
    }

    fn is_commit_due(&mut self) -> bool {
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
    fn hand_over(&mut self) -> Result<()> {
        while self.commit_channel.is_busy() {
            if let Some(committed) = self.commit_channel.poll_outcome(limits::OUTCOME_WAIT)? {
                self.settle(committed)?;
            }
        }
        self.watch_spread()?;
        self.parts.values_mut().for_each(PartitionTask::raise_alarm);
        let dirty = self.parts.values_mut().filter(|part| part.is_dirty());
        let commit = Commit { partitions: dirty.map(PartitionTask::hand_over).collect() };
        self.losses.see(&commit, self.parts.values().map(|part| &*part.operator));
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
    fn commit_all(&mut self) -> Result<()> {
        while self.commit_channel.is_busy() || self.parts.values().any(PartitionTask::is_dirty) {
            self.hand_over()?;
        }
        Ok(())
    }

    fn settle(&mut self, (commit, outcome): Committed) -> Result<()> {
        match outcome {
            Ok(()) => {
                failpoints::pass(failpoints::AFTER_COMMIT)?;
                let time = self.job.clock.now().saturating_sub(self.handed_over);
                self.job.metrics.committed(&commit.partitions, time);
                for done in commit.partitions {
                    if let Some(part) = self.parts.get_mut(&done.partition) {
                        self.job.metrics.progressed(done.position(), &*part.operator);
                        part.reuse(done);
                    }
                }
                Ok(())
            }
            Err(CommitError::Rebuild(error)) => {
                tracing::warn!(
                    "{error}; the outcome of a commit is unknown, so the store is asked"
                );
                self.rebuild()
            }
            Err(error) => Err(error.into()),
        }
    }

    fn is_finished(&mut self) -> Result<bool> {
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
                Ok(shared.unplaced.load(Ordering::Relaxed) == 0 && self.are_others_done(shared)?)
            }
        }
    }

    /// The log has nothing more to give for a reason that needs a person. What was read before is
    /// whole: it is committed with a snapshot, so that going on needs nothing but what comes next.
    fn leave(&mut self, error: Error) -> Error {
        if error.kind() == Kind::Data
            && let Err(further) = self.close_down()
        {
            tracing::warn!("what was read before could not be committed: {further}");
        }
        error
    }

    /// Leaves everything committed, with a snapshot, so that the next start has nothing to replay.
    fn close_down(&mut self) -> Result<()> {
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

#[cfg(test)]
mod tests;
