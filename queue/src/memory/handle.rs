//! A handle on contents in memory: cheap to clone, and all clones share them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::contents::Contents;
use super::log::TopicLog;
use super::state::StoreState;
use super::topics::Topics;
use crate::{Error, Result, Topic, clock};

/// A handle on a queue or a store.
#[derive(Clone)]
pub(super) struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    of: Use,
    name: String,
    /// `None`: the wall clock.
    clock: Option<Arc<AtomicI64>>,
    contents: Mutex<Contents>,
}

/// What a handle is used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Use {
    Queue,
    JobStore,
}

static NAMED: Mutex<BTreeMap<(Use, String), Handle>> = Mutex::new(BTreeMap::new());

impl Handle {
    /// New contents, which only clones of this handle see.
    pub(super) fn new(of: Use, name: &str, clock: Option<Arc<AtomicI64>>) -> Self {
        let name = format!("memory:{name}");
        Handle { shared: Arc::new(Shared { of, name, clock, contents: Mutex::default() }) }
    }

    /// The contents of that name in this process, empty when they were not asked for before.
    pub(super) fn named(of: Use, name: &str) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || Self::new(of, name, None);
        named.entry((of, name.to_owned())).or_insert_with(make).clone()
    }

    /// Empty contents under that name in this process, instead of those that had it.
    pub(super) fn renamed(of: Use, name: &str, clock: Option<Arc<AtomicI64>>) -> Self {
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = Self::new(of, name, clock);
        named.insert((of, name.to_owned()), handle.clone());
        handle
    }

    pub(super) fn name(&self) -> &str {
        &self.shared.name
    }

    pub(super) fn is_store(&self) -> bool {
        self.shared.of == Use::JobStore
    }

    /// Append times and times of commits come from here.
    pub(super) fn now_ms(&self) -> i64 {
        match &self.shared.clock {
            Some(clock) => clock.load(Ordering::SeqCst),
            None => clock::now_ms(),
        }
    }

    /// The contents. Every change is checked before it is begun, so that a panic elsewhere, which
    /// poisons the lock, leaves nothing half done.
    pub(super) fn contents(&self) -> MutexGuard<'_, Contents> {
        self.shared.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `look` on the log of a topic.
    pub(super) fn look<T>(
        &self,
        topic: &Topic,
        look: impl FnOnce(&mut TopicLog) -> Result<T>,
    ) -> Result<T> {
        self.contents().topics.topic(self.name(), topic).and_then(look)
    }

    /// Runs `act` on the store and its topics.
    pub(super) fn in_store<T>(
        &self,
        act: impl FnOnce(&str, &mut Topics, &mut StoreState) -> Result<T>,
    ) -> Result<T> {
        let at = self.name();
        let Contents { topics, store } = &mut *self.contents();
        match store {
            Some(store) => act(at, topics, store),
            None => Err(Error::StoreMissing { at: at.to_owned() }),
        }
    }
}
