//! What a database does for its sink.

use seismic_queue::{Offset, Partition, Span};

use super::batch::Batch;
use super::table_target::TableTarget;
use crate::position::stored::{Position, StoredPosition};
use crate::rows::RowAt;
use crate::{Context, Error, Result, Rows};

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
pub(super) trait Database: Send + Sized + 'static {
    /// A connection.
    type Session: Send + 'static;

    /// Named places of its transactions.
    const FAILPOINTS: Failpoints;

    /// The table.
    fn target(&self) -> &TableTarget;

    /// The same for the connection of that number, whose turn is its own.
    fn of_lane(&self, number: usize) -> Self;

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
