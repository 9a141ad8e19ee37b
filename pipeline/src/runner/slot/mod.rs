//! The one loop: poll, apply, hand over to the committer. A slot is one thread with its partitions
//! and its commit channel.

mod aligned_source;
mod assignment;
mod closing;
mod handover;
mod holding;
mod log_ends;
mod moving;
mod pausing;
mod reading_order;
pub(crate) mod shared_job;
pub(crate) mod slot_context;
pub(crate) mod sources;
mod stamp;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use seismic_queue::{Batch, Event, Kind, Partition, Source};

use crate::runner::commit::channel::CommitChannel;
use crate::runner::notices::loss_watch::SlotLosses;
use crate::runner::notices::step_watch::StepWatch;
use crate::runner::partition_task::PartitionTask;
use crate::runner::pool::Place;
use crate::runner::slot::aligned_source::AlignedSource;
use crate::runner::slot::reading_order::ReadingOrder;
use crate::runner::slot::slot_context::SlotContext;
use crate::runner::slot::sources::Sources;
use crate::{Error, Result, failpoints};

/// Position of a bounded wait: nothing to read, but commits and questions may be due.
const POLL: Duration = Duration::from_millis(10);

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
    /// How often the engines were recreated.
    rebuilt: u64,
    /// Whether they are being recreated.
    is_rebuilding: bool,
    /// Whether it has taken a turn.
    has_begun: bool,
    /// Whether its group has assigned it its partitions.
    has_place: bool,
    /// Whether its source has told it what it begins with.
    is_assigned: bool,
    /// Its place among slots between which partitions move.
    place: Option<Place>,
    /// What its commits lose.
    losses: SlotLosses,
    /// Steps of clocks that are to be reported.
    steps: StepWatch,
    /// Rows of keyed outputs of an aligned job.
    reading_order: ReadingOrder,
    /// Whether nothing is fetched.
    is_paused: bool,
    /// What is not fetched, since it waits for another input.
    held: BTreeSet<(usize, Partition)>,
    /// Whether there was something to read at the last turn.
    has_read: bool,
}

/// How far the other workers of a shared job had come.
struct OthersSeen {
    at: Duration,
    /// Whether every partition was at its target.
    are_done: bool,
}

impl<'a> Slot<'a> {
    /// A slot that has done nothing yet; `source` is that of the first input.
    pub fn new(
        job: SlotContext<'a>,
        source: Box<dyn Source>,
        commit_channel: Box<dyn CommitChannel>,
    ) -> Self {
        let source = match job.kind.alignment() {
            Some(alignment) => Box::new(AlignedSource::new(source, alignment)),
            None => source,
        };
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
            is_rebuilding: false,
            has_begun: false,
            has_place: false,
            is_assigned: false,
            place: None,
            losses: SlotLosses::default(),
            steps: StepWatch::default(),
            reading_order: ReadingOrder::default(),
            is_paused: false,
            held: BTreeSet::new(),
            has_read: false,
        }
    }

    /// Partitions may move between it and others from now on.
    #[must_use]
    pub fn in_pool(self, place: Option<Place>) -> Self {
        Slot { place, ..self }
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
            if !self.follow_pool()? {
                return Ok(false);
            }
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
        self.follow_pause()?;
        self.follow_holds()?;
        let asked = self.job.clock.now();
        let polled = self.source.poll(POLL, &mut self.spare);
        self.tell_waited(asked, matches!(polled, Ok((_, Event::Batch(_)))));
        match polled {
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

    /// Between two batches that follow each other nothing was waited for: the time between them went
    /// into fetching. A batch after none came when there was something to read again.
    fn tell_waited(&mut self, asked: Duration, has_read: bool) {
        if !std::mem::replace(&mut self.has_read, has_read) || !has_read {
            self.job.metrics.waited(self.job.clock.now().saturating_sub(asked));
        }
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
                self.is_assigned = true;
            }
            Event::Revoked(partitions) => {
                self.take_snapshots_by(|part| part.is_snapshot_worth_it())?;
                self.commit_all()?;
                failpoints::pass(failpoints::REVOKED)?;
                self.parts.retain(|partition, _| !partitions.contains(partition));
                self.held.retain(|(_, partition)| !partitions.contains(partition));
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
        part.apply_batch((self.job.kind, input), batch, self.job.budget)?;
        if let Some(why) = part.operator.failure() {
            return Err(Error::OperatorFailed { partition, why });
        }
        if self.job.kind.alignment().is_some() && !part.is_replaying() {
            self.reading_order.take_from(&mut *part.operator);
        }
        part.add_work(self.job.clock.now().saturating_sub(began));
        if let Some(last) = batch.last_below(batch.next()) {
            self.job.metrics.applied(partition, last.append_ms);
        }
        if replaying {
            self.job.metrics.replayed(batch.len() as u64);
        } else {
            let read = self.job.metrics.read(partition, before, part.operator.records_read());
            self.losses.read(read);
        }
        self.notice_output();
        Ok(())
    }

    fn notice_output(&mut self) {
        let has_output = |slot: &Self| {
            slot.reading_order.waiting_bytes() > 0
                || slot.parts.values().any(PartitionTask::has_output)
        };
        if self.waiting_since.is_none() && has_output(self) {
            self.waiting_since = Some(self.job.clock.now());
        }
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

    /// Tells what is lost, and whose clock stepped, when it is time.
    fn tell_losses(&mut self, is_last: bool) {
        let operators = self.parts.values().map(|part| &*part.operator);
        let now = self.job.clock.now();
        for notice in self.losses.judge(self.job.losses, operators, now, is_last) {
            self.job.metrics.notice(&notice);
        }
        for part in self.parts.values_mut() {
            let (steps, total) = part.operator.take_steps();
            self.steps.see(steps, total);
        }
        if let Some(notice) = self.steps.tell(now, is_last) {
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
        let (now, settings) = (self.job.clock.now(), self.job.settings);
        self.take_snapshots_by(|part| part.is_snapshot_due(now, settings))
    }

    fn take_snapshots_by(&mut self, is_due: impl Fn(&PartitionTask) -> bool) -> Result<()> {
        let clock = self.job.clock;
        for part in self.parts.values_mut() {
            if is_due(part) {
                self.job.metrics.snapshot_taken(part.snapshot(|| clock.now())?);
            }
        }
        self.notice_output();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
