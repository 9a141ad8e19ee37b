//! The slots of a run in one process: how many there are, and which partitions each is to have.
//!
//! ```text
//!   slot 0  ── last commit settled ──► task of partition 5 ──► inbox of slot 2 ──► read on from there
//! ```
//!
//! A partition moves as one value: engine, journal, idle watch, snapshots and commit number. It
//! moves when everything that it has read is committed and that is known, so nothing is read from
//! the store and nothing is replayed, and until the other slot takes it no slot has it. Which slot
//! is to have which partition is decided here, only among slots that work; whoever has a partition
//! that is another's gives it away at its next turn. No thread waits for another one.

pub(crate) mod keeper;
mod shares;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seismic_queue::Partition;

use self::shares::share_out;
use crate::runner::parallelism::Parallelism;
use crate::runner::partition_task::PartitionTask;

/// The slots of a run and the partitions that are on their way between them.
pub struct SlotPool {
    /// Raised whenever a slot has to look.
    version: AtomicU64,
    state: Mutex<State>,
    parallelism: Parallelism,
}

struct State {
    /// How many slots are wanted.
    wanted: usize,
    /// Which slot is to have each partition.
    owners: Vec<usize>,
    /// By number of the slot.
    slots: Vec<Standing>,
    /// A slot has ended with all its work, or for good: no other one begins, and nothing moves
    /// any more.
    is_closing: bool,
}

/// What a slot does.
enum Standing {
    /// There is none of that number.
    Absent,
    /// It opens what it needs.
    Starting,
    /// It works; what was given to it and not taken yet.
    Working(Vec<PartitionTask>),
}

/// The place of one slot in the pool. Dropping it says that the slot has ended.
pub struct Place {
    pool: Arc<SlotPool>,
    slot: usize,
    /// The version at which it had nothing left to do.
    seen: Option<u64>,
    has_left: bool,
}

impl SlotPool {
    /// So many slots, which all work, and have the partitions dealt out among them.
    ///
    /// # Panics
    /// Without slots.
    #[must_use]
    pub fn new(partitions: u32, slots: usize, parallelism: &Parallelism) -> Arc<SlotPool> {
        assert!(slots > 0, "somebody has to work");
        let owners = (0..partitions as usize).map(|partition| partition % slots).collect();
        let all = (0..slots).map(|_| Standing::Working(Vec::new())).collect();
        let state = State { wanted: slots, owners, slots: all, is_closing: false };
        let (version, parallelism) = (AtomicU64::new(0), parallelism.clone());
        Arc::new(SlotPool { version, state: Mutex::new(state), parallelism })
    }

    /// The place of a slot.
    #[must_use]
    pub fn place(self: &Arc<Self>, slot: usize) -> Place {
        Place { pool: Arc::clone(self), slot, seen: None, has_left: false }
    }

    /// Has so many slots work, one at least and one for each partition at most; the places of those
    /// that are to be started now. The others look at their next turn.
    #[must_use]
    pub fn resize(self: &Arc<Self>, slots: usize) -> Vec<Place> {
        let mut state = self.state();
        let wanted = slots.clamp(1, state.owners.len().max(1));
        if state.is_closing || wanted == state.wanted && state.lacks_none() {
            return Vec::new();
        }
        state.wanted = wanted;
        let count = state.slots.len().max(wanted);
        state.slots.resize_with(count, || Standing::Absent);
        let mut starting = Vec::new();
        for (slot, standing) in state.slots.iter_mut().enumerate().take(wanted) {
            if matches!(standing, Standing::Absent) {
                *standing = Standing::Starting;
                starting.push(slot);
            }
        }
        state.share_out();
        self.tell();
        drop(state);
        starting.into_iter().map(|slot| self.place(slot)).collect()
    }

    /// How many slots there are, also those that only begin or are about to leave.
    #[must_use]
    pub fn running(&self) -> usize {
        self.state().slots.iter().filter(|it| !matches!(it, Standing::Absent)).count()
    }

    fn tell(&self) {
        self.version.fetch_add(1, Ordering::Release);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lacks_none(&self) -> bool {
        self.slots.iter().take(self.wanted).all(|it| !matches!(it, Standing::Absent))
    }

    /// Among those that are to stay and work already.
    fn share_out(&mut self) {
        let works = |slot: &usize| matches!(self.slots.get(*slot), Some(Standing::Working(_)));
        let slots: Vec<usize> = (0..self.wanted).filter(works).collect();
        share_out(&mut self.owners, &slots);
    }

    fn owner(&self, partition: Partition) -> Option<usize> {
        self.owners.get(partition.0 as usize).copied()
    }
}

impl Place {
    /// The version that the slot has to look at, if it has not.
    pub(crate) fn news(&self) -> Option<u64> {
        let version = self.pool.version.load(Ordering::Acquire);
        (self.seen != Some(version)).then_some(version)
    }

    /// The slot has done all that was to be done at that version.
    pub(crate) fn has_seen(&mut self, version: u64) {
        self.seen = Some(version);
    }

    /// It has other partitions than before, and has to look again.
    pub(crate) fn look_again(&mut self) {
        self.seen = None;
    }

    /// What was given to this slot, which works from now on.
    pub(crate) fn take(&mut self) -> Vec<PartitionTask> {
        let mut state = self.pool.state();
        let is_closing = state.is_closing;
        let Some(standing) = state.slots.get_mut(self.slot) else { return Vec::new() };
        match standing {
            Standing::Working(inbox) => std::mem::take(inbox),
            Standing::Starting if !is_closing => {
                *standing = Standing::Working(Vec::new());
                state.share_out();
                self.pool.tell();
                Vec::new()
            }
            Standing::Starting | Standing::Absent => Vec::new(),
        }
    }

    /// Those of these partitions that are to be elsewhere.
    pub(crate) fn foreign(&self, partitions: impl Iterator<Item = Partition>) -> Vec<Partition> {
        let state = self.pool.state();
        match state.is_closing {
            true => Vec::new(),
            false => partitions.filter(|it| state.owner(*it) != Some(self.slot)).collect(),
        }
    }

    /// Gives a partition to the slot that is to have it; gives it back when there is none, or it is
    /// to stay here.
    pub(crate) fn give(&self, task: PartitionTask) -> Result<(), Box<PartitionTask>> {
        let mut state = self.pool.state();
        let owner = state.owner(task.partition).filter(|owner| *owner != self.slot);
        let is_closing = state.is_closing;
        match owner.and_then(|owner| state.slots.get_mut(owner)) {
            Some(Standing::Working(inbox)) if !is_closing => inbox.push(task),
            _ => return Err(Box::new(task)),
        }
        self.pool.tell();
        Ok(())
    }

    /// Leaves for good if it is one too many and nothing was given to it; whether it has left.
    pub(crate) fn leave(&mut self) -> bool {
        let mut state = self.pool.state();
        let is_wanted = self.slot < state.wanted || state.is_closing;
        let Some(standing) = state.slots.get_mut(self.slot).filter(|_| !is_wanted) else {
            return false;
        };
        match standing {
            Standing::Working(inbox) if !inbox.is_empty() => return false,
            _ => *standing = Standing::Absent,
        }
        self.has_left = true;
        drop(state);
        self.pool.parallelism.wake();
        true
    }

    /// The slot ends with all its work: what was given to it last. Nothing moves any more.
    pub(crate) fn close(&mut self) -> Vec<PartitionTask> {
        let mut state = self.pool.state();
        state.is_closing = true;
        match state.slots.get_mut(self.slot) {
            Some(Standing::Working(inbox)) => std::mem::take(inbox),
            _ => Vec::new(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.has_left {
            return;
        }
        let mut state = self.pool.state();
        state.is_closing = true;
        if let Some(standing) = state.slots.get_mut(self.slot) {
            *standing = Standing::Absent;
        }
        drop(state);
        self.pool.parallelism.wake();
    }
}
