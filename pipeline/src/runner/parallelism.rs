//! How many slots a run has, which may change while it works.
#![allow(clippy::disallowed_methods, reason = "shell: a thread that waits is woken here")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

/// How many slots a run is to have, shared by everything that works on one job. A run in one process
/// without an end follows it while it works: partitions move between its threads. One that shares
/// its job with other workers, or ends on its own, keeps the slots of its start.
#[derive(Clone, Debug, Default)]
pub struct Parallelism(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    /// 0: as many as at the start.
    wanted: AtomicUsize,
    /// 0: as many as at the start, and it stays so.
    running: AtomicUsize,
    /// Who starts slots.
    keeper: Mutex<Option<Thread>>,
}

impl Parallelism {
    /// Has the run have so many slots, one at least and one for each partition at most.
    pub fn set(&self, slots: usize) {
        self.0.wanted.store(slots.max(1), Ordering::Relaxed);
        self.wake();
    }

    /// How many it is to have, if somebody has said so.
    #[must_use]
    pub fn wanted(&self) -> Option<usize> {
        Some(self.0.wanted.load(Ordering::Relaxed)).filter(|slots| *slots > 0)
    }

    /// How many it has; `None` while it has none, and where their number does not change.
    #[must_use]
    pub fn running(&self) -> Option<usize> {
        Some(self.0.running.load(Ordering::Relaxed)).filter(|slots| *slots > 0)
    }

    /// This thread starts slots from now on.
    pub(crate) fn is_kept_here(&self) {
        *self.keeper() = Some(thread::current());
    }

    /// So many work.
    pub(crate) fn runs(&self, slots: usize) {
        self.0.running.store(slots, Ordering::Relaxed);
    }

    /// Has whoever starts slots look again.
    pub(crate) fn wake(&self) {
        if let Some(keeper) = &*self.keeper() {
            keeper.unpark();
        }
    }

    fn keeper(&self) -> MutexGuard<'_, Option<Thread>> {
        self.0.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
