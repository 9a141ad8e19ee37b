//! What a run has done so far, for anyone who looks on.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use seismic_queue::{Partition, PartitionCommit};

/// What a run has done, for anyone who looks on. Counts of this run only.
#[derive(Debug, Default)]
pub struct Metrics {
    read: AtomicU64,
    replayed: AtomicU64,
    rows: AtomicU64,
    dead: AtomicU64,
    commits: AtomicU64,
    started: AtomicBool,
    /// How many slots of this run have each partition; for an instant, none or two may.
    held: Mutex<BTreeMap<Partition, u32>>,
}

impl Metrics {
    /// Records read, without those replayed.
    pub fn records(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Messages done again at the start.
    pub fn messages_replayed(&self) -> u64 {
        self.replayed.load(Ordering::Relaxed)
    }

    /// Rows committed.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Dead letters committed.
    pub fn dead_letters(&self) -> u64 {
        self.dead.load(Ordering::Relaxed)
    }

    /// Commits made, counted per partition.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Whether a slot of this run has the partition, or had it at the end of the run.
    pub fn has(&self, partition: Partition) -> bool {
        self.held().get(&partition).is_some_and(|slots| *slots > 0)
    }

    pub(crate) fn assigned(&self, partitions: &[Partition]) {
        let mut held = self.held();
        partitions.iter().for_each(|&partition| *held.entry(partition).or_default() += 1);
    }

    pub(crate) fn removed(&self, partitions: &[Partition]) {
        let mut held = self.held();
        for partition in partitions {
            held.entry(*partition).and_modify(|slots| *slots = slots.saturating_sub(1));
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Partition, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn read(&self, records: u64) {
        self.read.fetch_add(records, Ordering::Relaxed);
    }

    pub(crate) fn replayed(&self, messages: u64) {
        self.replayed.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, commit: &PartitionCommit) {
        let count = |place: usize| commit.outputs.get(place).map_or(0, |it| u64::from(it.count()));
        self.rows.fetch_add(count(0), Ordering::Relaxed);
        self.dead.fetch_add(count(1), Ordering::Relaxed);
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// From now on, progress found in the store is this run's own.
    pub(crate) fn set_started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started.load(Ordering::Relaxed)
    }
}
