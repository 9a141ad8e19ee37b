//! The right to commit to a home in memory.

use std::sync::Arc;

use super::home::MemoryHome;
use crate::failpoints::{COMMIT_AFTER, COMMIT_BEFORE, REWIND_AFTER, pass};
use crate::tip::not_made;
use crate::{
    Claim, Commit, CommitError, Committer, Home, Offset, Owner, Partition, Recovered, Result,
    Rewind,
};

/// Owner and committer are the same here.
#[derive(Clone)]
pub(super) struct MemoryOwner {
    home: MemoryHome,
    epoch: u64,
    /// Held, not read: while it lives, nobody else owns the home.
    _alive: Arc<()>,
}

impl MemoryOwner {
    pub(super) fn new(home: MemoryHome, epoch: u64, alive: Arc<()>) -> Self {
        MemoryOwner { home, epoch, _alive: alive }
    }
}

impl Owner for MemoryOwner {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(self.clone()))
    }

    fn prune_journal(&self, partition: Partition, below: Offset) -> Result<()> {
        self.home.look(|at, _, home| {
            home.fence(at, self.epoch)?;
            home.prune_journal(partition, below)
        })
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        let now_ms = self.home.now_ms();
        self.home.look(|at, store, home| {
            home.fence(at, self.epoch)?;
            home.rewind(at, store, back, now_ms)
        })?;
        pass(&self.home.name(), REWIND_AFTER)
    }
}

impl Committer for MemoryOwner {
    fn load(&mut self, _: &Claim, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        self.home.look(|at, _, home| {
            home.fence(at, self.epoch)?;
            let recover = |&partition| Ok(home.at(partition)?.recover(at, partition));
            partitions.iter().map(recover).collect()
        })
    }

    fn commit(&mut self, _: &Claim, commit: &Commit) -> std::result::Result<(), CommitError> {
        let name = self.home.name();
        pass(&name, COMMIT_BEFORE).map_err(not_made)?;
        let now_ms = self.home.now_ms();
        let made = self.home.look(|at, store, home| {
            home.fence(at, self.epoch)?;
            home.commit(at, store, commit, now_ms)
        });
        made.map_err(not_made)?;
        pass(&name, COMMIT_AFTER).map_err(CommitError::Rebuild)
    }
}
