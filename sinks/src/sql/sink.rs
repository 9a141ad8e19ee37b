//! The sink of a table: rows and position in one transaction, whatever database it is.
//!
//! ```text
//! write: rows ─► batch, encoded as the database takes them              nothing is sent yet
//! sync:  begin
//!        position: next = new where next = old                          the fence; others wait here
//!        rows
//!        commit
//! ```
//!
//! * **Unknown outcome.** If the connection is lost after the commit was sent, the outcome is
//!   unknown. The next attempt reconnects and reads the position: if it is the new one, the commit
//!   succeeded; if it is the old one, the batch is written again. The fence stops anything that the
//!   lost connection still does later.
//! * **Zombies.** A writer with an old position changes nothing. A lock of the session detects a
//!   second sink early and names the first.
//! * **Restored backups.** Rows and position are restored together, so a restored database
//!   continues from its own position. A database with rows that the store does not have is refused,
//!   like a CSV folder.
//!
//! The batch is kept until it is committed, so a server outage only costs time.

use seismic_queue::{Fingerprint, Offset, Partition, Span};

use super::batch::{Batch, Length};
use super::table_target::TableTarget;
use crate::position::stored::{Position, StoredPosition, next_of};
use crate::rows::RowAt;
use crate::run::bare::KeepsEncoded;
use crate::{Context, Error, Result, Rows, Sink, failpoints, limits};

/// Named places of a transaction at which a test can have the sink die.
pub(super) struct Failpoints {
    /// It is begun.
    pub(super) before_fence: &'static str,
    /// The position is moved in it.
    pub(super) after_fence: &'static str,
    /// The rows are in it.
    pub(super) before_commit: &'static str,
    /// It is committed, and the sink does not know it yet.
    pub(super) after_commit: &'static str,
}

/// What a database does for its sink.
///
/// A transaction is what stands between [`Database::begin`] and [`Database::commit`]; one of a
/// session that is dropped is taken back.
pub(super) trait Database: Send {
    /// A connection.
    type Session: Send;

    /// Named places of its transactions.
    const FAILPOINTS: Failpoints;

    /// The table.
    fn target(&self) -> &TableTarget;

    /// Connects, and waits for the sink's turn.
    fn open(&self) -> Result<Self::Session>;

    /// Whether a session that was not used for a while still stands.
    fn is_alive(&self, _: &mut Self::Session) -> bool {
        true
    }

    /// Makes missing tables where that is wanted, and checks those that are there.
    fn prepare(&mut self, session: &mut Self::Session) -> Result<()>;

    /// What the table of positions says of this sink; `None` when it has never written.
    fn read_position(&self, session: &mut Self::Session) -> Result<Option<StoredPosition>>;

    /// Positions for partitions that are new: `new` begin at the oldest row, behind the `known`
    /// first partitions.
    fn begin_position(
        &self,
        session: &mut Self::Session,
        context: &Context,
        known: usize,
        new: &[Span],
    ) -> Result<()>;

    /// Whether the table has any row.
    fn has_rows(&self, session: &mut Self::Session) -> Result<bool>;

    /// Appends a row as the database takes it; else why it cannot hold the row.
    fn encode(
        &self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut Vec<u8>,
    ) -> std::result::Result<(), String>;

    /// Begins a transaction.
    fn begin(&self, session: &mut Self::Session) -> Result<()>;

    /// Moves the position of every partition from `old` to `new`; `false` when one was not where
    /// this sink knows it to be.
    fn advance(
        &self,
        session: &mut Self::Session,
        old: &[Position],
        new: &[Position],
    ) -> Result<bool>;

    /// Brings the rows of a batch into the table.
    ///
    /// # Errors
    /// [`Error::RowRefused`] where one is refused for its content and can be named.
    fn insert(&self, session: &mut Self::Session, batch: &Batch) -> Result<()>;

    /// Keeps the refused rows of a batch apart.
    fn keep_refused(&self, session: &mut Self::Session, batch: &Batch) -> Result<()>;

    /// Removes the rows of a partition from an offset on, and those that were refused.
    fn remove(
        &self,
        session: &mut Self::Session,
        partition: Partition,
        first: Offset,
    ) -> Result<()>;

    /// Commits the transaction.
    fn commit(&self, session: &mut Self::Session) -> Result<()>;

    /// Takes the transaction back.
    fn rollback(&self, session: &mut Self::Session) -> Result<()>;

    /// Whether another attempt goes another way after this error.
    fn mends(&mut self, _: &Error) -> bool {
        false
    }
}

/// Writes rows to one table.
pub(super) struct TableSink<D: Database> {
    database: D,
    context: Context,
    /// `None` when it is lost, or its state unknown.
    session: Option<D::Session>,
    /// What the database has, as far as is known.
    committed: Vec<Position>,
    /// What it has once the batch is there.
    pending: Vec<Position>,
    batch: Batch,
    /// What a commit of unknown outcome would have left, and how much of the batch it had.
    attempted: Option<(Vec<Position>, Length)>,
}

impl<D: Database> TableSink<D> {
    /// The sink of that database. It does not connect yet.
    pub(super) fn new(database: D, context: &Context) -> Self {
        TableSink {
            database,
            context: context.clone(),
            session: None,
            committed: Vec::new(),
            pending: Vec::new(),
            batch: Batch::default(),
            attempted: None,
        }
    }

    /// The session that is there, unless it was lost while nothing was written.
    fn take_session(&mut self) -> Option<D::Session> {
        let mut session = self.session.take()?;
        self.database.is_alive(&mut session).then_some(session)
    }

    /// Brings the batch and its position into the database.
    fn flush(&mut self) -> Result<()> {
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
        let found = next_of(&stored.positions);
        if self.attempted.as_ref().is_some_and(|(attempted, _)| next_of(attempted) == found) {
            self.is_committed();
            return Ok(());
        }
        self.attempted = None;
        if next_of(&self.committed) == found {
            return Ok(());
        }
        Err(self.moved())
    }

    /// The positions of this sink for these rows: those that are there, and for partitions that are
    /// new the oldest row. A store or topic that is not the table's is refused.
    fn positions(&self, session: &mut D::Session, rows: &[Span]) -> Result<Vec<Position>> {
        let target = self.database.target();
        let stored = self.database.read_position(session)?;
        if let Some(stored) = &stored {
            stored.check_owner(&target.name, &self.context)?;
            if stored.positions.len() > rows.len() {
                return Err(Error::PositionDamaged { place: target.name.clone() });
            }
        }
        let mut positions = stored.map_or_else(Vec::new, |stored| stored.positions);
        let new = &rows[positions.len()..];
        if new.is_empty() {
            return Ok(positions);
        }
        // A table with rows of a sink, and no position: someone deleted the position, or put the
        // table back without it. Rows would come twice.
        if positions.is_empty()
            && target.on_conflict == super::table_target::OnConflict::Error
            && self.database.has_rows(session)?
        {
            return Err(Error::PositionMissing { place: target.name.clone() });
        }
        self.database.begin_position(session, &self.context, positions.len(), new)?;
        positions.extend(new.iter().map(|span| Position::beginning(span.first)));
        Ok(positions)
    }

    fn moved(&self) -> Error {
        Error::Moved { place: self.database.target().name.clone() }
    }
}

impl<D: Database> KeepsEncoded for TableSink<D> {
    type Encoded = (Batch, Vec<Position>);

    fn take_encoded(&mut self) -> Self::Encoded {
        (std::mem::take(&mut self.batch), self.pending.clone())
    }

    fn put_encoded(&mut self, (batch, pending): Self::Encoded) {
        (self.batch, self.pending) = (batch, pending);
    }
}

impl<D: Database> Sink for TableSink<D> {
    fn name(&self) -> &str {
        &self.database.target().name
    }

    /// A new table begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        // One that is there would keep the place from the next.
        self.session = None;
        let mut session = self.database.open()?;
        self.database.prepare(&mut session)?;
        self.committed = self.positions(&mut session, rows)?;
        self.pending.clone_from(&self.committed);
        (self.batch, self.attempted) = (Batch::default(), None);
        self.session = Some(session);
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn take_back(&mut self, partition: Partition, first: Offset) -> Result<bool> {
        if self.database.target().merges_panes {
            // What was added up cannot be taken apart.
            return Ok(false);
        }
        let mut session = self.session.take().ok_or_else(|| self.moved())?;
        let mut back = self.committed.clone();
        back[partition.0 as usize] = Position::beginning(first);
        self.database.begin(&mut session)?;
        if !self.database.advance(&mut session, &self.committed, &back)? {
            return Err(self.moved());
        }
        self.database.remove(&mut session, partition, first)?;
        self.database.commit(&mut session)?;
        self.committed = back;
        self.pending.clone_from(&self.committed);
        self.session = Some(session);
        Ok(true)
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.batch.length_bytes() >= self.database.target().batch_bytes {
            self.flush()?;
        }
        let (database, target) = (&self.database, self.database.target());
        let encode = |at: RowAt<'_>, into: &mut Vec<u8>| database.encode(rows, at, into);
        self.batch.add(&target.name, rows, target.keeps_refused, encode)?;
        self.pending[rows.partition().0 as usize].pass(rows);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}
