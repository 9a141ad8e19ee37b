//! Rows in a table of MySQL or MariaDB, each exactly once: rows and position are one transaction.
//!
//! ```text
//! START TRANSACTION
//! UPDATE seismic_position SET next = new WHERE next = old        the fence; others wait here
//! INSERT INTO windows … VALUES (…), (…), …                       prepared, up to 512 rows each
//! COMMIT
//! ```
//!
//! What is done with these, and what holds when a connection is lost, is in `sql/sink.rs`.
//!
//! * **Values.** Values are stored bit by bit; times are `datetime(3)` in UTC, in the years 1000 to
//!   9999. Numbers that are none cannot be stored: the sink refuses the row, or writes NULL where
//!   `nan=null` says so.
//! * **Ids** are compared letter by letter (`utf8mb4_bin`), and one with a blank at its end is
//!   refused, since the server takes it for the same as one without.
//! * **Engines** without transactions, as MyISAM, are refused by name.
//!
//! The protocol is ours: it is six commands, the client libraries build for a minute, trust
//! authorities that nobody named, and wait for a frozen server for ever.

mod address;
mod cell;
mod compare;
mod connection;
mod ddl;
mod dead_letters;
mod examine;
mod failure;
mod insertion;
mod login;
mod merge;
mod names;
mod options;
mod packets;
mod position;
mod reading;
mod session;
mod stream;
mod table;
mod target;
mod wire;

use seismic_queue::{Offset, Partition, Span};

use crate::entry::{Entry, Written};
use crate::position::stored::{Position, StoredPosition};
use crate::rows::RowAt;
use crate::rows::columns::{self, TableColumn};
use crate::run::bare::bare;
use crate::sql::application::application;
use crate::sql::batch::Batch;
use crate::sql::database::{Database, Failpoints};
use crate::sql::sink::TableSink;
use crate::sql::table_target::TableTarget;
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints};
use cell::Param;
use failure::{Trouble, failure};
use insertion::Insertion;
use session::Session;
use target::Target;
use wire::Wire;

pub use compare::stored_rows;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "mysql",
    form: address::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["table"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.to_string(), |target| target.name.clone()),
    passes_over: true,
    keeps_refused: true,
    is_remote: true,
    shows_only: false,
    file: |_| None,
    writes: |spec| Some(Written::Named(spec.text("table").to_owned())),
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open,
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        let statements = ddl::statements(&target, &target.columns(schema)?);
        Ok(format!("{}\n", statements.join("\n\n")))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| session::mark(spec)),
    needs: |_| Vec::new(),
    rows_in: None,
    sends_back_to: None,
    lookup: Some(&reading::READING),
    bare: Some(|spec, context, batches| bare(sink(spec, context)?.alone(), context, batches)),
};

/// The sink of that spec. It does not connect yet.
///
/// # Errors
/// When the columns that are wanted are not those of the rows.
pub fn open(spec: &SinkSpec, context: &Context) -> Result<Box<dyn Sink>> {
    Ok(Box::new(sink(spec, context)?))
}

fn sink(spec: &SinkSpec, context: &Context) -> Result<TableSink<MySql>> {
    let target = Target::of(spec)?;
    let database = MySql {
        columns: target.columns(&context.schema)?,
        target,
        application: application(),
        lane: 0,
        wires: Vec::new(),
    };
    Ok(TableSink::new(database, context))
}

/// A table of MySQL or MariaDB.
#[derive(Clone)]
struct MySql {
    target: Target,
    /// Name of this sink in the table of positions.
    application: String,
    /// Number of its connection.
    lane: usize,
    columns: Vec<TableColumn>,
    /// How each column takes its values.
    wires: Vec<Wire>,
}

impl MySql {
    /// What failed.
    fn failed(&self, doing: &'static str) -> impl FnOnce(Trouble) -> Error + '_ {
        move |trouble| failure(&self.target.name, doing, trouble)
    }
}

impl Database for MySql {
    type Session = Session;

    const FAILPOINTS: Failpoints = Failpoints {
        before_fence: failpoints::MYSQL_BEFORE_FENCE,
        after_fence: failpoints::MYSQL_AFTER_FENCE,
        before_commit: failpoints::MYSQL_BEFORE_COMMIT,
        after_commit: failpoints::MYSQL_AFTER_COMMIT,
    };

    fn target(&self) -> &TableTarget {
        &self.target
    }

    fn of_lane(&self, lane: usize) -> Self {
        MySql { lane, ..self.clone() }
    }

    fn open(&self) -> Result<Session> {
        session::open(&self.target, &self.application, self.lane)
    }

    fn is_alive(&self, session: &mut Session) -> bool {
        session.is_alive()
    }

    fn prepare(&mut self, session: &mut Session) -> Result<()> {
        let client = &mut session.client;
        if self.target.creates {
            table::make(client, &self.target, &self.columns)?;
        }
        self.wires = table::check(client, &self.target, &self.columns)?;
        position::sign(client, &self.target, &self.application)
    }

    fn read_position(&self, session: &mut Session) -> Result<Option<StoredPosition>> {
        position::read(&mut session.client, &self.target)
    }

    fn begin_position(
        &self,
        session: &mut Session,
        context: &Context,
        known: usize,
        new: &[Span],
    ) -> Result<()> {
        let place = (&self.target, &*self.application);
        position::begin(&mut session.client, place, context, known, new)
    }

    fn has_rows(&self, session: &mut Session) -> Result<bool> {
        position::has_rows(&mut session.client, &self.target)
    }

    fn encode(
        &self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut Vec<u8>,
    ) -> std::result::Result<(), String> {
        let columns = (&*self.columns, &*self.wires);
        wire::put_row(columns, self.target.nan_is_null, (rows, at), into)
    }

    fn begin(&self, session: &mut Session) -> Result<()> {
        let begun = session.client.run("START TRANSACTION");
        begun.map(drop).map_err(self.failed("beginning a transaction"))
    }

    fn advance(&self, session: &mut Session, old: &[Position], new: &[Position]) -> Result<bool> {
        position::advance(&mut session.client, (&self.target, &self.application), old, new)
    }

    fn insert(&self, session: &mut Session, batch: &Batch) -> Result<()> {
        let MySql { target, columns, wires, .. } = self;
        Insertion { target, columns, wires, batch }.insert(session)
    }

    fn keep_refused(&self, session: &mut Session, batch: &Batch) -> Result<()> {
        dead_letters::add(&mut session.client, &self.target, batch.refused())
    }

    fn remove(&self, session: &mut Session, partition: Partition, first: Offset) -> Result<()> {
        let delete = format!(
            "DELETE FROM {} WHERE {} = ? AND {} >= ?",
            self.target.quoted_table(),
            columns::PARTITION,
            columns::OFFSET
        );
        let client = &mut session.client;
        dead_letters::remove(client, &self.target, partition, first)?;
        let from = [Param::Int(partition.0.into()), Param::Int(first.0.cast_signed())];
        let removed = client.execute(&delete, &from);
        removed.map(drop).map_err(self.failed("removing rows that were taken back"))
    }

    fn commit(&self, session: &mut Session) -> Result<()> {
        session.client.run("COMMIT").map(drop).map_err(self.failed("committing"))
    }

    fn rollback(&self, session: &mut Session) -> Result<()> {
        let taken_back = session.client.run("ROLLBACK");
        taken_back.map(drop).map_err(self.failed("taking the transaction back"))
    }
}
