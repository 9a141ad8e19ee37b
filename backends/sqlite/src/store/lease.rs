//! The right to commit to a store: its lease and committers.

use std::sync::Arc;

use rusqlite::Connection;

use super::lock::Lock;
use super::{checkpoints, job_shape, journal, rewind};
use crate::cuts;
use crate::database::Database;
use crate::error::Sql;
use crate::topics::{self, Places};
use crate::writer::Unmade;
use seismic_queue::backend::commit_order::not_made;
use seismic_queue::backend::validate;
use seismic_queue::failpoints::{
    COMMIT_AFTER, COMMIT_BEFORE, COMMIT_IN_TRANSACTION, REWIND_AFTER, REWIND_IN_TRANSACTION, pass,
};
use seismic_queue::{
    Commit, CommitError, Committer, Error, FencingToken, Job, KeyedBlock, Lease, Offset, Partition,
    Recovered, Result, Rewind, SharedLease, clock,
};

/// What the owner and its committers share; the store is free when all of them are dropped.
pub(super) struct Owned {
    pub(super) database: Arc<Database>,
    pub(super) job: Job,
    pub(super) epoch: u64,
    /// Of the topics of the job's outputs.
    pub(super) outputs: Vec<Places>,
    pub(super) _lock: Lock,
}

impl Owned {
    /// Stops whoever was overtaken by a newer owner.
    fn fence(&self, db: &Connection) -> Sql<()> {
        let theirs = db
            .prepare_cached("SELECT epoch FROM home")?
            .query_row([], |row| row.get::<_, u64>(0))?;
        if theirs == self.epoch {
            return Ok(());
        }
        let (at, ours) = (self.database.at.clone(), self.epoch);
        Err(Error::Fenced { at, ours, theirs }.into())
    }

    fn apply(&self, db: &Connection, commit: &Commit) -> Sql<()> {
        self.fence(db)?;
        let now_ms = clock::now_ms();
        let at = &self.database.at;
        for new in &commit.partitions {
            validate::shape(at, &self.job, new)?;
            let place = new.partition.0 as usize;
            checkpoints::apply(db, at, new, now_ms)?;
            // Without rows, nothing is asked of a keyed output, which may have fewer partitions.
            let written = self.outputs.iter().zip(&new.outputs).filter(|(_, it)| !it.is_empty());
            for (places, rows) in written {
                topics::append(db, places[place], rows, 0, now_ms)?;
            }
            for KeyedBlock { output, partition, rows } in &new.keyed {
                let to = self.outputs[*output][partition.0 as usize];
                job_shape::append(db, to, new.partition, rows, now_ms)?;
            }
        }
        pass(&self.database.at, COMMIT_IN_TRANSACTION)?;
        Ok(())
    }
}

/// Owner and committer are the same here.
pub(super) struct SqliteLease {
    pub(super) owned: Arc<Owned>,
}

impl Lease for SqliteLease {
    fn committer(&self) -> Result<Box<dyn Committer>> {
        Ok(Box::new(SqliteLease { owned: self.owned.clone() }))
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
        self.owned.database.writer.write("pruning the journal", |db| {
            self.owned.fence(db)?;
            validate::partition(self.owned.job.input(), partition)?;
            journal::prune(db, partition, below)
        })?;
        Ok(())
    }

    fn rewind(&self, back: &[Rewind]) -> Result<()> {
        let Owned { database, .. } = &*self.owned;
        database.writer.write("rewinding", |db| self.owned.rewind(db, back))?;
        pass(&database.at, REWIND_AFTER)
    }
}

impl Owned {
    fn rewind(&self, db: &Connection, back: &[Rewind]) -> Sql<()> {
        self.fence(db)?;
        let (at, now_ms) = (&self.database.at, clock::now_ms());
        for back in back {
            validate::rewind_shape(at, &self.job, back)?;
            rewind::set_back(db, at, back, now_ms)?;
            let place = back.partition.0 as usize;
            for (i, (places, &rows)) in self.outputs.iter().zip(&back.outputs).enumerate() {
                if self.job.outputs[i].is_keyed() {
                    continue;
                }
                let left = cuts::cut(db, places[place], rows)?;
                rewind::check_sinks(db, at, (places[place], back.partition), left)?;
            }
            for cut in &back.keyed {
                let of = self.outputs[cut.output][cut.partition.0 as usize];
                let left = job_shape::cut_last_of(db, of, back.partition, cut.rows)?;
                rewind::check_sinks(db, at, (of, cut.partition), left)?;
            }
        }
        pass(at, REWIND_IN_TRANSACTION)?;
        Ok(())
    }
}

impl Committer for SqliteLease {
    fn load(&mut self, _: &FencingToken, partitions: &[Partition]) -> Result<Vec<Recovered>> {
        let Owned { database, job, .. } = &*self.owned;
        // Through the writer: after it, no earlier commit of this process can still be on its way.
        let recovered = database.writer.write("loading progress", |db| {
            self.owned.fence(db)?;
            let recover = |&partition| {
                validate::partition(job.input(), partition)?;
                checkpoints::recover(db, &database.at, partition)
            };
            partitions.iter().map(recover).collect()
        })?;
        Ok(recovered)
    }

    fn commit(
        &mut self,
        _: &FencingToken,
        commit: &Commit,
    ) -> std::result::Result<(), CommitError> {
        let Owned { database, .. } = &*self.owned;
        pass(&database.at, COMMIT_BEFORE).map_err(not_made)?;
        let made = database.writer.write("committing", |db| self.owned.apply(db, commit));
        made.map_err(|unmade| match unmade {
            Unmade::Refused(error) => not_made(error),
            Unmade::Unknown(error) => CommitError::Rebuild(error),
        })?;
        pass(&database.at, COMMIT_AFTER).map_err(CommitError::Rebuild)
    }
}
