//! Rows in a table of PostgreSQL, each exactly once: rows and position are one transaction.
//!
//! ```text
//! write: rows ─► batch, encoded as COPY takes them                      nothing is sent yet
//! sync:  BEGIN
//!        UPDATE seismic_position SET next = new WHERE next = old        the fence; others wait here
//!        COPY windows FROM STDIN (FORMAT binary)                        or, with on_conflict, to a
//!        COMMIT                                                         temporary table first
//! ```
//!
//! * **Unknown outcome.** If the connection is lost after COMMIT was sent, the outcome is unknown.
//!   The next attempt reconnects and reads the position: if it is the new one, the commit
//!   succeeded; if it is the old one, the batch is written again. The fence stops anything that the
//!   lost connection still does later.
//! * **Zombies.** A writer with an old position changes nothing. A session lock detects a second
//!   sink early and names the first.
//! * **Restored backups.** Rows and position are restored together, so a restored database
//!   continues from its own position. A database with rows that the store does not have is refused,
//!   like a CSV folder.
//! * **Values.** Values are stored bit by bit; times are `timestamp with time zone`. A text with
//!   U+0000 cannot be stored: the sink stops and names the row.
//!
//! The batch is kept until it is committed, so a server outage only costs time.

mod batch;
mod columns;
mod compare;
mod connection;
mod ddl;
mod dead_letters;
mod examine;
mod failure;
mod insertion;
mod merge;
mod merged_topic;
mod names;
mod options;
mod position;
mod session;
mod table;
mod target;
mod tls;
mod wire;

use seismic_queue::{Fingerprint, Offset, Partition, Span};
use tokio_postgres::types::Type;

use crate::entry::Entry;
use crate::position::stored::{Position, next_of};
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints, limits};
use batch::{Batch, Length};
use columns::TableColumn;
use connection::Client;
use failure::failure;
use target::Target;
use wire::Wire;

pub use compare::stored_rows;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "postgres",
    form: "postgres://USER@HOST:PORT/DATABASE",
    target: Some(""),
    options: options::OPTIONS,
    place: &["table"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name),
    passes_over: true,
    keeps_refused: true,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open: |spec, context| Ok(Box::new(Postgres::open(spec, context)?)),
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        Ok(ddl::ddl(&target, &target.columns(schema)?))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
};

/// Writes rows to one table.
pub struct Postgres {
    target: Target,
    context: Context,
    /// Name of this sink's sessions.
    application: String,
    columns: Vec<TableColumn>,
    /// How each column takes its values.
    wires: Vec<Wire>,
    /// `None` when it is lost, or its state unknown.
    session: Option<Client>,
    /// What the database has, as far as is known.
    committed: Vec<Position>,
    /// What it has once the batch is there.
    pending: Vec<Position>,
    batch: Batch,
    /// What a commit of unknown outcome would have left, and how much of the batch it had.
    attempted: Option<(Vec<Position>, Length)>,
    /// Whether one statement would meet a key twice: then the newer row counts.
    has_repeats: bool,
}

impl Postgres {
    /// The sink of that spec. It does not connect yet.
    ///
    /// # Errors
    /// When the columns that are wanted are not those of the rows.
    pub fn open(spec: &SinkSpec, context: &Context) -> Result<Self> {
        let target = Target::of(spec)?;
        Ok(Postgres {
            columns: target.columns(&context.schema)?,
            target,
            context: context.clone(),
            application: session::application(),
            wires: Vec::new(),
            session: None,
            committed: Vec::new(),
            pending: Vec::new(),
            batch: Batch::default(),
            attempted: None,
            has_repeats: false,
        })
    }

    /// Brings the batch and its position into the database.
    fn flush(&mut self) -> Result<()> {
        while self.pending != self.committed {
            let mut client = match self.session.take() {
                Some(client) => client,
                None => {
                    let mut client = session::connect(&self.target, &self.application)?;
                    session::take_turn(&mut client, &self.target, &self.application)?;
                    self.settle(&mut client)?;
                    self.session = Some(client);
                    continue;
                }
            };
            let commit = match self.commit(&mut client) {
                Ok(false) => self.settle(&mut client).map(|()| self.attempted.is_none()),
                done => done,
            };
            match commit {
                Ok(_) => self.session = Some(client),
                Err(Error::RowRefused { partition, offset, what, .. })
                    if self.target.keeps_refused
                        && self.batch.refused().len() < limits::REFUSED_ROWS =>
                {
                    tracing::warn!(
                        sink = self.target.name, %partition, %offset, reason = what,
                        "the table does not take a row: it is a dead letter"
                    );
                    self.batch.refuse(partition, offset, what);
                    self.session = Some(client);
                }
                // The next row of the same key may be in another statement.
                Err(Error::Database { what, .. })
                    if !self.has_repeats && what.contains("SQLSTATE 21000") =>
                {
                    self.has_repeats = true;
                    self.session = Some(client);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One transaction; `false` when the position is not where this sink knows it to be.
    fn commit(&mut self, client: &mut Client) -> Result<bool> {
        let failed = |e| failure(&self.target.name, "beginning a transaction", e);
        let mut transaction = client.transaction().map_err(failed)?;
        failpoints::pass(failpoints::POSTGRES_BEFORE_FENCE)?;
        if !position::advance(&mut transaction, &self.target, &self.committed, &self.pending)? {
            let failed = |e| failure(&self.target.name, "taking the transaction back", e);
            transaction.rollback().map_err(failed)?;
            return Ok(false);
        }
        failpoints::pass(failpoints::POSTGRES_AFTER_FENCE)?;
        if !self.batch.is_empty() {
            self.insert(&mut transaction)?;
        }
        if !self.batch.refused().is_empty() {
            dead_letters::add(&mut transaction, &self.target, self.batch.refused())?;
        }
        failpoints::pass(failpoints::POSTGRES_BEFORE_COMMIT)?;
        self.attempted = Some((self.pending.clone(), self.batch.len()));
        transaction.commit().map_err(|e| failure(&self.target.name, "committing", e))?;
        failpoints::pass(failpoints::POSTGRES_AFTER_COMMIT)?;
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
    fn settle(&mut self, client: &mut Client) -> Result<()> {
        let Some(stored) = position::read(client, &self.target)? else {
            return Err(Error::PositionMissing { place: self.target.name.clone() });
        };
        stored.check_owner(&self.target.name, &self.context)?;
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

    fn moved(&self) -> Error {
        Error::Moved { place: self.target.name.clone() }
    }
}

impl Sink for Postgres {
    fn name(&self) -> &str {
        &self.target.name
    }

    /// A new table begins with the oldest row that the topic still has.
    fn recover(&mut self, rows: &[Span]) -> Result<Vec<Offset>> {
        let mut client = session::connect(&self.target, &self.application)?;
        session::take_turn(&mut client, &self.target, &self.application)?;
        if self.target.creates {
            table::make(&mut client, &self.target, &self.columns)?;
        }
        self.wires = table::check(&mut client, &self.target, &self.columns)?;
        self.committed = position::begin(&mut client, &self.target, &self.context, rows)?;
        self.pending.clone_from(&self.committed);
        (self.batch, self.attempted) = (Batch::default(), None);
        self.session = Some(client);
        Ok(next_of(&self.committed))
    }

    fn last_rows(&self) -> Vec<Option<Fingerprint>> {
        self.committed.iter().map(|position| position.last).collect()
    }

    fn take_back(&mut self, partition: Partition, first: Offset) -> Result<bool> {
        if self.target.merges_panes {
            // What was added up cannot be taken apart.
            return Ok(false);
        }
        let failed = |e| failure(&self.target.name, "removing rows that were taken back", e);
        let mut client = self.session.take().ok_or_else(|| self.moved())?;
        let mut back = self.committed.clone();
        back[partition.0 as usize] = Position::beginning(first);
        let mut transaction = client.transaction().map_err(failed)?;
        if !position::advance(&mut transaction, &self.target, &self.committed, &back)? {
            return Err(self.moved());
        }
        let delete = format!(
            "DELETE FROM {} WHERE {} = $1 AND {} >= $2",
            self.target.quoted_table(),
            columns::PARTITION,
            columns::OFFSET
        );
        let (number, from) = (partition.0.cast_signed(), first.0.cast_signed());
        dead_letters::remove(&mut transaction, &self.target, partition, first)?;
        transaction
            .execute_typed(&delete, &[(&number, Type::INT4), (&from, Type::INT8)])
            .map_err(failed)?;
        transaction.commit().map_err(failed)?;
        self.committed = back;
        self.pending.clone_from(&self.committed);
        self.session = Some(client);
        Ok(true)
    }

    fn write(&mut self, rows: &Rows<'_>) -> Result<()> {
        if self.batch.bytes() >= self.target.batch_bytes {
            self.flush()?;
        }
        let columns = (&*self.columns, &*self.wires);
        self.batch.add(&self.target.name, rows, columns, self.target.keeps_refused)?;
        self.pending[rows.partition().0 as usize].pass(rows);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.flush()
    }
}
