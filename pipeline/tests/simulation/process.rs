//! A process that runs the job: it owns the store and has slots, as `run` would make them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use seismic_pipeline::simulation::{
    CheckpointRequests, LossWatch, Place, RecordBudget, Slot, SlotContext, SlotPool, SpreadWatch,
    hold_log, housekeep_once,
};
use seismic_pipeline::{Error, Finish, JobContext, Metrics, OperatorKind, Settings};
use seismic_queue::memory::{Memory, MemoryStore};
use seismic_queue::{
    Error as QueueError, Job, JobStore, Lease, Offset, Partition, Queue, Source, Span, Topic,
};

use crate::committer::{self, Line};
use crate::ground::{Ground, HERE};
use crate::source::{self, Orders, Shared};

/// An offset of a partition in each input.
type OffsetsOf = Box<dyn Fn(Partition) -> seismic_pipeline::Result<Vec<Offset>> + Sync>;
type Spans = Box<dyn Fn(&Topic) -> seismic_pipeline::Result<Vec<Span>> + Sync>;
type Open = Box<dyn Fn(usize, &[Partition]) -> seismic_pipeline::Result<Box<dyn Source>> + Sync>;

/// What outlives every process of a world.
pub struct Stage {
    pub ground: Arc<Ground>,
    pub queue: Memory,
    pub store: MemoryStore,
    pub job: Job,
    pub kind: Box<dyn OperatorKind>,
    /// Of all runs but the last.
    pub service: Settings,
    /// Of the last run, which ends on its own.
    pub last: Settings,
    pub budget: RecordBudget,
    /// The oldest offset of a partition's log, where one that was never committed begins.
    pub first: OffsetsOf,
    /// Opens the sources of further inputs.
    pub open: Open,
    /// What the log of each partition still has.
    pub spans: Spans,
    /// One for each process that there may be.
    pub flags: Vec<Flags>,
}

/// What the slots of a process share.
#[derive(Default)]
pub struct Flags {
    pub metrics: Metrics,
    pub stop: AtomicBool,
    pub checkpoint_requests: CheckpointRequests,
    pub spread: SpreadWatch,
    pub losses: LossWatch,
}

/// A running job.
pub struct Process<'a> {
    stage: &'a Stage,
    flags: &'a Flags,
    settings: &'a Settings,
    lease: Box<dyn Lease>,
    pub slots: Vec<Running<'a>>,
    /// Between whose slots partitions move; a run with an end has none.
    pool: Option<Arc<SlotPool>>,
    pub is_fenced: bool,
}

/// A slot and the two ends by which the world moves it.
pub struct Running<'a> {
    slot: Slot<'a>,
    pub line: Rc<RefCell<Line>>,
    pub source: Shared,
}

impl<'a> Process<'a> {
    pub fn start(
        stage: &'a Stage,
        flags: &'a Flags,
        settings: &'a Settings,
        slots: usize,
    ) -> Result<Self, String> {
        let lease = stage.store.acquire(&stage.job).map_err(|error| format!("a start: {error}"))?;
        hold_log(&stage.queue, &stage.store, &stage.job);
        let mut process = Process {
            stage,
            flags,
            settings,
            lease,
            slots: Vec::new(),
            pool: None,
            is_fenced: false,
        };
        let input = stage.job.input();
        let slots = slots.min(input.partitions as usize);
        let is_live = settings.finish == Finish::Never;
        let pool = || SlotPool::new(input.partitions, slots, &settings.parallelism);
        process.pool = is_live.then(pool);
        for slot in 0..slots {
            let share: Vec<_> = input.all().skip(slot).step_by(slots).collect();
            let place = process.pool.as_ref().map(|pool| pool.place(slot));
            process.add_slot(&share, place);
        }
        stage.ground.note("a process starts: slots", &[slots as u64]);
        Ok(process)
    }

    /// So many slots are wanted from now on.
    pub fn resize(&mut self, slots: usize) {
        let Some(pool) = &self.pool else { return };
        let places = pool.resize(slots);
        self.stage.ground.note("slots are wanted, and begin", &[slots as u64, places.len() as u64]);
        for place in places {
            self.stage.ground.saw("a slot that begins while others work");
            self.add_slot(&[], Some(place));
        }
    }

    fn add_slot(&mut self, share: &[Partition], place: Option<Place>) {
        let stage = self.stage;
        let source = stage.queue.source(stage.job.input(), share).unwrap();
        let (source, orders) = source::Simulated::new(source, share, &stage.ground);
        let line = Line::new(self.lease.committer().unwrap(), &stage.ground);
        let job = SlotContext {
            inputs: &stage.job.inputs,
            queue: &stage.queue,
            open: &*stage.open,
            kind: &*stage.kind,
            settings: self.settings,
            budget: &stage.budget,
            metrics: &self.flags.metrics,
            stop: &self.flags.stop,
            checkpoint_requests: &self.flags.checkpoint_requests,
            spread: &self.flags.spread,
            losses: &self.flags.losses,
            clock: &*stage.ground,
            begin_at: &*stage.first,
            spans: &*stage.spans,
            shared: None,
            first_step: None,
        };
        let slot =
            Slot::new(job, Box::new(source), Box::new(committer::Simulated(Rc::clone(&line))));
        self.slots.push(Running { slot: slot.in_pool(place), line, source: orders });
    }

    /// The slot of that number, counted modulo those that are left.
    pub fn slot(&mut self, slot: u8) -> Option<&mut Running<'a>> {
        let count = self.slots.len().max(1);
        self.slots.get_mut(usize::from(slot) % count)
    }

    /// A step of a slot. One that is over, or dead by a fault that was made on purpose, is gone
    /// after it, and a death stops the others.
    ///
    /// # Errors
    /// When it dies of anything else.
    pub fn step(&mut self, slot: u8, messages: u8) -> Result<(), String> {
        let at = usize::from(slot) % self.slots.len().max(1);
        let Some(running) = self.slots.get_mut(at) else { return Ok(()) };
        let is_stopping = self.flags.stop.load(Ordering::Relaxed);
        let mut source = running.source.lock().unwrap();
        (source.messages, source.is_stopping) = (messages.into(), is_stopping);
        drop(source);
        match running.slot.step() {
            Ok(true) => return Ok(()),
            Ok(false) => self.stage.ground.note("a slot is over", &[at as u64]),
            Err(error) if self.is_expected(&error) => {
                self.stage.ground.note("a slot dies", &[at as u64]);
                self.slots[at].line.borrow_mut().abandon(true);
                self.stop();
            }
            Err(error) => {
                return Err(format!("slot {at} died of: {error}; {:?}", error));
            }
        }
        self.slots.remove(at);
        if self.slots.is_empty() && !self.is_fenced {
            let Stage { queue, store, job, .. } = self.stage;
            hold_log(queue, store, job);
        }
        Ok(())
    }

    fn is_expected(&self, error: &Error) -> bool {
        let (Error::Queue(cause)
        | Error::Commit { source: cause, .. }
        | Error::NotCommitted { source: cause }) = error
        else {
            return false;
        };
        match cause {
            QueueError::Failpoint { at, .. } | QueueError::Busy { at, .. } => at == HERE,
            // No one keeps the log for a job that was taken over.
            QueueError::Fenced { .. } | QueueError::OffsetGone { .. } => self.is_fenced,
            _ => false,
        }
    }

    pub fn stop(&self) {
        self.flags.stop.store(true, Ordering::Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.slots.is_empty()
    }

    /// Another process owns the store now.
    pub fn fence(&mut self) {
        self.is_fenced = true;
        for running in &self.slots {
            running.line.borrow_mut().is_fenced = true;
            running.source.lock().unwrap().is_fenced = true;
        }
    }

    /// No more faults than those that have happened.
    pub fn calm(&mut self) {
        for running in &self.slots {
            let mut line = running.line.borrow_mut();
            line.fates.clear();
            line.load_dies = false;
            line.meanwhile = None;
            let orders = &mut *running.source.lock().unwrap();
            *orders = Orders { is_fenced: orders.is_fenced, ..Orders::default() };
        }
    }

    /// kill -9: what is under way lands, or never does.
    pub fn die(self, landing: bool) {
        for running in &self.slots {
            running.line.borrow_mut().abandon(landing);
        }
    }

    /// # Errors
    /// Never, where nothing fails.
    pub fn housekeep(&self) -> Result<(), String> {
        let Stage { queue, store, job, .. } = self.stage;
        let (lease, settings) = (&*self.lease, self.settings);
        let job = JobContext {
            queue,
            store,
            lease,
            job,
            slots: self.slots.len(),
            kind: &*self.stage.kind,
            settings,
        };
        match housekeep_once(job) {
            Err(Error::Queue(QueueError::Fenced { .. })) if self.is_fenced => Ok(()),
            kept => kept.map_err(|error| format!("keeping house: {error}")),
        }
    }
}
