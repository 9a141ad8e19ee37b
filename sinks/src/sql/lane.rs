//! One connection of a table's sink: the transactions of its partitions, one after the other.

use seismic_queue::Offset;

use super::batch::{Batch, Length};
use super::database::Database;
use crate::position::stored::Position;
use crate::{Context, Error, Result, failpoints, limits};

/// Every `of`-th partition, from `number` on, and the connection that has them.
pub(super) struct Lane<D: Database> {
    pub(super) database: D,
    context: Context,
    number: usize,
    of: usize,
    /// `None` when it is lost, or its state unknown.
    pub(super) session: Option<D::Session>,
    /// What the database has, as far as is known; only partitions of this lane move.
    pub(super) committed: Vec<Position>,
    /// What it has once the batch is there.
    pub(super) pending: Vec<Position>,
    batch: Batch,
    /// What a commit of unknown outcome would have left, and how much of the batch it had.
    attempted: Option<(Vec<Position>, Length)>,
}

impl<D: Database> Lane<D> {
    /// That lane of so many, without a connection.
    pub(super) fn new(database: D, context: &Context, number: usize, of: usize) -> Self {
        Lane {
            database,
            context: context.clone(),
            number,
            of,
            session: None,
            committed: Vec::new(),
            pending: Vec::new(),
            batch: Batch::default(),
            attempted: None,
        }
    }

    /// Its number.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// Begins at these positions, with nothing to write.
    pub(super) fn begin(&mut self, positions: &[Position]) {
        self.committed = positions.to_vec();
        self.pending = positions.to_vec();
        (self.batch, self.attempted) = (Batch::default(), None);
    }

    /// Adds rows, with the positions behind them, for the next flush.
    pub(super) fn add(&mut self, batch: &mut Batch, pending: &[Position]) {
        self.batch.append(batch);
        self.pending.clone_from_slice(pending);
    }

    /// Whether there is anything to flush.
    pub(super) fn is_behind(&self) -> bool {
        self.pending != self.committed
    }

    /// Which row of each partition of this lane comes next.
    fn own(&self, positions: &[Position]) -> Vec<Offset> {
        positions.iter().skip(self.number).step_by(self.of).map(|position| position.next).collect()
    }

    /// The session that is there, unless it was lost while nothing was written.
    fn take_session(&mut self) -> Option<D::Session> {
        let mut session = self.session.take()?;
        self.database.is_alive(&mut session).then_some(session)
    }

    /// Brings the batch and its position into the database.
    pub(super) fn flush(&mut self) -> Result<()> {
        while self.pending != self.committed {
            let mut session = match self.take_session() {
                Some(session) => session,
                None => {
                    let mut session = self.database.open()?;
                    self.settle(&mut session)?;
                    self.session = Some(session);
                    continue;
                }
            };
            let commit = match self.commit(&mut session) {
                Ok(false) => self.settle(&mut session).map(|()| self.attempted.is_none()),
                done => done,
            };
            match commit {
                Ok(_) => self.session = Some(session),
                Err(Error::RowRefused { partition, offset, what, .. })
                    if self.database.target().keeps_refused
                        && self.batch.refused().len() < limits::REFUSED_ROWS =>
                {
                    tracing::warn!(
                        sink = self.database.target().name, %partition, %offset, reason = what,
                        "the table does not take a row: it is a dead letter"
                    );
                    self.batch.refuse(partition, offset, what);
                    self.database.rollback(&mut session)?;
                    self.session = Some(session);
                }
                Err(error) if self.database.mends(&error) => {
                    self.database.rollback(&mut session)?;
                    self.session = Some(session);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One transaction; `false` when the position is not where this sink knows it to be.
    fn commit(&mut self, session: &mut D::Session) -> Result<bool> {
        let database = &self.database;
        database.begin(session)?;
        failpoints::pass(D::FAILPOINTS.before_fence)?;
        if !database.advance(session, &self.committed, &self.pending)? {
            database.rollback(session)?;
            return Ok(false);
        }
        failpoints::pass(D::FAILPOINTS.after_fence)?;
        if !self.batch.is_empty() {
            database.insert(session, &self.batch)?;
        }
        if !self.batch.refused().is_empty() {
            database.keep_refused(session, &self.batch)?;
        }
        failpoints::pass(D::FAILPOINTS.before_commit)?;
        self.attempted = Some((self.pending.clone(), self.batch.len()));
        database.commit(session)?;
        failpoints::pass(D::FAILPOINTS.after_commit)?;
        self.is_committed();
        Ok(true)
    }

    /// What was attempted is in the database.
    fn is_committed(&mut self) {
        if let Some((positions, length)) = self.attempted.take() {
            self.committed = positions;
            self.batch.remove(length);
        }
    }

    /// Learns from the database what a commit of unknown outcome has done.
    fn settle(&mut self, session: &mut D::Session) -> Result<()> {
        let place = || self.database.target().name.clone();
        let Some(stored) = self.database.read_position(session)? else {
            return Err(Error::PositionMissing { place: place() });
        };
        stored.check_owner(&place(), &self.context)?;
        let found = self.own(&stored.positions);
        if self.attempted.as_ref().is_some_and(|(attempted, _)| self.own(attempted) == found) {
            self.is_committed();
            return Ok(());
        }
        self.attempted = None;
        if self.own(&self.committed) == found {
            return Ok(());
        }
        Err(Error::Moved { place: place() })
    }
}
