//! The right to commit to a store in memory.

use std::sync::Arc;

use super::handle::Handle;
use crate::backend::commit_order::not_made;
use crate::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, REWIND_AFTER, pass};
use crate::{
    Commit, CommitError, Committer, FencingToken, Lease, Offset, Partition, Recovered, Result,
    Rewind, SharedLease,
};

/// Owner and committer are the same here.
#[derive(Clone)]
pub(super) struct MemoryLease {
    handle: Handle,
    epoch: u64,
    /// Held, not read: while it lives, no one else owns the store.
    _alive: Arc<()>,
}

impl MemoryLease {
    pub(super) fn new(handle: Handle, epoch: u64, alive: Arc<()>) -> Self {
        MemoryLease { handle, epoch, _alive: alive }
    }
}

impl Lease for MemoryLease {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(self.clone()))
    }

    /// One owner has all partitions.
    fn shared(&self) -> Option<&dyn SharedLease> {
        None
    }

    /// They are in the store itself.
    fn check_outputs(&self) -> Result<()> {
        Ok(())
    }

    /// Each commit prunes.
    fn housekeep(&self) -> Result<()> {
        Ok(())
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.handle.in_store(|at, _, store| {
            store.fence(at, self.epoch)?;
            store.prune_journal(partition, below)
        })
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        let now_ms = self.handle.now_ms();
        self.handle.in_store(|at, topics, store| {
            store.fence(at, self.epoch)?;
            store.rewind(at, topics, back, now_ms)
        })?;
        pass(self.handle.name(), REWIND_AFTER)
    }
}

impl Committer for MemoryLease {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        self.handle.in_store(|at, _, store| {
            store.fence(at, self.epoch)?;
            let recover = |&partition| Ok(store.at(partition)?.recover(at, partition));
            partitions.iter().map(recover).collect()
        })
    }

    fn commit(
        &mut self,
        _: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        let name = self.handle.name();
        pass(name, COMMIT_BEFORE).map_err(not_made)?;
        let now_ms = self.handle.now_ms();
        let made = self.handle.in_store(|at, topics, store| {
            store.fence(at, self.epoch)?;
            store.commit(at, topics, commit, now_ms)
        });
        made.map_err(not_made)?;
        pass(name, COMMIT_AFTER).map_err(CommitError::Rebuild)
    }
}
