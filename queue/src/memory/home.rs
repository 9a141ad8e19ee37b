//! A home in memory: the whole of it is changed under the lock of its store, so every commit is
//! one atomic act.

use std::ops::Range;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Weak};

use super::owner::MemoryOwner;
use super::state::HomeState;
use super::store::Store;
use super::{Memory, Use};
use crate::{
    Asked, Checkpoint, Error, Home, Job, JournalEntry, Offset, Owner, Partition, Queue, Result,
    View, check,
};

/// A home in memory.
#[derive(Clone, Debug)]
pub struct MemoryHome {
    memory: Memory,
}

impl MemoryHome {
    /// A home that only clones of this handle see.
    #[must_use]
    pub fn new() -> Self {
        MemoryHome { memory: Memory::build(Use::Home, "", None) }
    }

    /// As [`MemoryHome::new`], with append times (ms since 1970 UTC) taken from `clock`.
    #[must_use]
    pub fn with_clock(clock: Arc<AtomicI64>) -> Self {
        MemoryHome { memory: Memory::build(Use::Home, "", Some(clock)) }
    }

    /// The home of that name in this process, empty when it was not asked for before.
    #[must_use]
    pub fn named(name: &str) -> Self {
        MemoryHome { memory: Memory::shared(Use::Home, name) }
    }

    /// Lets the next one own the home although it is owned: for tests of what a lost lock does.
    pub fn break_lock(&self) {
        if let Some(home) = &mut self.memory.store().home {
            home.owner = Weak::new();
        }
    }

    /// Flips a bit in the stored chunks of a checkpoint, if it has any: for tests of recovery.
    pub fn damage(&self, partition: Partition, number: u64) {
        let mut store = self.memory.store();
        let state = store.home.as_mut().and_then(|home| home.at_mut(partition));
        let chunk = state.and_then(|state| state.chunks.get_mut(&(number, 0)));
        if let Some(byte) = chunk.and_then(|chunk| chunk.first_mut()) {
            *byte ^= 1;
        }
    }

    /// Append times and times of commits come from here.
    pub(super) fn now_ms(&self) -> i64 {
        self.memory.now_ms()
    }

    /// Makes the caller the owner, if nobody is and `check` has nothing against it.
    fn take(
        &self,
        check: impl FnOnce(&str, &mut Store, &mut HomeState) -> Result<()>,
    ) -> Result<Box<dyn Owner>> {
        self.look(|at, store, home| {
            if home.owner.strong_count() > 0 {
                let by = format!("process {}", std::process::id());
                return Err(Error::Owned { at: at.to_owned(), by });
            }
            check(at, store, home)?;
            home.epoch += 1;
            let alive = Arc::new(());
            home.owner = Arc::downgrade(&alive);
            let owner = MemoryOwner::new(self.clone(), home.epoch, alive);
            Ok(Box::new(owner) as Box<dyn Owner>)
        })
    }

    /// Runs `act` on the store and the home in it, which is taken out meanwhile.
    pub(super) fn look<T>(
        &self,
        act: impl FnOnce(&str, &mut Store, &mut HomeState) -> Result<T>,
    ) -> Result<T> {
        let at = self.name();
        let mut store = self.memory.store();
        let Some(mut home) = store.home.take() else {
            return Err(Error::HomeMissing { at });
        };
        let result = act(&at, &mut store, &mut home);
        store.home = Some(home);
        result
    }
}

impl Default for MemoryHome {
    fn default() -> Self {
        Self::new()
    }
}

impl Home for MemoryHome {
    fn name(&self) -> String {
        self.memory.name()
    }

    fn own(&self, job: &Job) -> Result<Box<dyn Owner>> {
        check::new_job(job)?;
        let mut store = self.memory.store();
        if store.home.is_none() {
            store.home = Some(HomeState::new(&mut store, job));
        }
        drop(store);
        self.take(|at, _, home| {
            check::same_job(at, &home.job, job)?;
            home.widened = None;
            Ok(())
        })
    }

    fn widen(&self, job: &Job) -> Result<Box<dyn Owner>> {
        check::new_job(job)?;
        self.take(|at, store, home| {
            check::widened_job(at, &home.job, job)?;
            home.widen(at, store, job)
        })
    }

    fn view(&self) -> Result<View> {
        self.look(|at, store, home| home.view(at, store))
    }

    fn journal(&self, partition: Partition, range: Range<u64>) -> Result<Vec<JournalEntry>> {
        self.look(|_, _, home| {
            let kept = home.at(partition)?.journal.iter();
            Ok(kept.filter(|entry| range.contains(&entry.sequence)).cloned().collect())
        })
    }

    fn checkpoint(&self, partition: Partition, number: u64) -> Result<Checkpoint> {
        self.look(|at, _, home| home.at(partition)?.checkpoint(at, partition, number))
    }

    fn owner(&self) -> Result<Option<String>> {
        let store = self.memory.store();
        let is_owned = store.home.as_ref().is_some_and(|home| home.owner.strong_count() > 0);
        Ok(is_owned.then(|| format!("process {}", std::process::id())))
    }

    fn ask(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| home.names.ask(at, name))
    }

    fn asked(&self) -> Result<Vec<Asked>> {
        self.look(|_, _, home| Ok(home.names.asked()))
    }

    fn withdraw(&self, name: &str) -> Result<Option<Asked>> {
        self.look(|_, _, home| {
            let asked = home.names.withdraw(name);
            home.prune();
            Ok(asked)
        })
    }

    fn name_newest(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| home.name_newest(at, name))
    }

    fn forget(&self, name: &str) -> Result<()> {
        self.look(|at, _, home| {
            home.names.forget(at, name)?;
            home.prune();
            Ok(())
        })
    }

    fn topics(&self) -> &dyn Queue {
        &self.memory
    }

    fn note_sink(&self, sink: &str, at: &[(Partition, Offset)]) -> Result<()> {
        self.look(|name, store, home| {
            at.iter().try_for_each(|&(partition, _)| check::partition(&home.result, partition))?;
            let holds = &mut store.topic(name, &home.result)?.holds;
            holds.extend(at.iter().map(|&(partition, next)| ((partition, sink.to_owned()), next)));
            Ok(())
        })
    }
}
