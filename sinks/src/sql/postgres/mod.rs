//! Rows in a table of PostgreSQL, each exactly once: rows and position are one transaction.
//!
//! ```text
//! BEGIN
//! UPDATE seismic_position SET next = new WHERE next = old        the fence; others wait here
//! COPY windows FROM STDIN (FORMAT binary)                        or, with on_conflict, to a
//! COMMIT                                                         temporary table first
//! ```
//!
//! What is done with these, and what holds when a connection is lost, is in `sql/sink.rs`.
//! Values are stored bit by bit; times are `timestamp with time zone`. A text with U+0000 cannot be
//! stored: the sink stops and names the row.

mod compare;
mod connection;
mod ddl;
mod dead_letters;
mod examine;
mod failure;
mod insertion;
mod merge;
mod names;
mod options;
mod position;
mod reading;
mod session;
mod table;
mod target;
mod tls;
mod wire;

use seismic_queue::{Offset, Partition, Span};
use tokio_postgres::types::Type;

use crate::entry::{Entry, Written};
use crate::position::stored::{Position, StoredPosition};
use crate::rows::RowAt;
use crate::rows::columns::{self, TableColumn};
use crate::run::bare::bare;
use crate::sql::application::{application, of_lane};
use crate::sql::batch::Batch;
use crate::sql::database::{Database, Failpoints};
use crate::sql::sink::TableSink;
use crate::sql::table_target::TableTarget;
use crate::{Context, Error, Result, Rows, Sink, SinkSpec, failpoints};
use connection::{Client, Trouble};
use failure::failure;
use insertion::Insertion;
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
        Ok(ddl::ddl(&target, &target.columns(schema)?))
    }),
    compare: Some(compare::compare),
    mark: Some(|spec, _| position::mark(spec)),
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

fn sink(spec: &SinkSpec, context: &Context) -> Result<TableSink<Postgres>> {
    let target = Target::of(spec)?;
    let database = Postgres {
        columns: target.columns(&context.schema)?,
        target,
        application: application(),
        lane: 0,
        wires: Vec::new(),
        has_repeats: false,
    };
    Ok(TableSink::new(database, context))
}

/// A table of PostgreSQL.
#[derive(Clone)]
struct Postgres {
    target: Target,
    /// Name of this sink's sessions.
    application: String,
    /// Number of its connection.
    lane: usize,
    columns: Vec<TableColumn>,
    /// How each column takes its values.
    wires: Vec<Wire>,
    /// Whether one statement would meet a key twice: then the newer row counts.
    has_repeats: bool,
}

impl Postgres {
    /// What failed.
    fn failed(&self, doing: &'static str) -> impl FnOnce(Trouble) -> Error + '_ {
        move |trouble| failure(&self.target.name, doing, trouble)
    }
}

impl Database for Postgres {
    type Session = Client;

    const FAILPOINTS: Failpoints = Failpoints {
        before_fence: failpoints::POSTGRES_BEFORE_FENCE,
        after_fence: failpoints::POSTGRES_AFTER_FENCE,
        before_commit: failpoints::POSTGRES_BEFORE_COMMIT,
        after_commit: failpoints::POSTGRES_AFTER_COMMIT,
    };

    fn target(&self) -> &TableTarget {
        &self.target
    }

    fn of_lane(&self, lane: usize) -> Self {
        Postgres { lane, ..self.clone() }
    }

    fn open(&self) -> Result<Client> {
        let application = of_lane(&self.application, self.lane);
        let lock = of_lane(&self.target.name, self.lane);
        let mut client = session::connect(&self.target, &application)?;
        session::take_turn(&mut client, (&self.target, &lock), &application)?;
        Ok(client)
    }

    fn prepare(&mut self, client: &mut Client) -> Result<()> {
        if self.target.creates {
            table::make(client, &self.target, &self.columns)?;
        }
        self.wires = table::check(client, &self.target, &self.columns)?;
        Ok(())
    }

    fn read_position(&self, client: &mut Client) -> Result<Option<StoredPosition>> {
        position::read(client, &self.target)
    }

    fn begin_position(
        &self,
        client: &mut Client,
        context: &Context,
        known: usize,
        new: &[Span],
    ) -> Result<()> {
        position::begin(client, &self.target, context, known, new)
    }

    fn has_rows(&self, client: &mut Client) -> Result<bool> {
        position::has_rows(client, &self.target)
    }

    fn encode(
        &self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut Vec<u8>,
    ) -> std::result::Result<(), String> {
        wire::put_row((&self.columns, &self.wires), rows, at, into)
    }

    fn begin(&self, client: &mut Client) -> Result<()> {
        client.batch_execute("BEGIN").map_err(self.failed("beginning a transaction"))
    }

    fn advance(&self, client: &mut Client, old: &[Position], new: &[Position]) -> Result<bool> {
        position::advance(client, &self.target, old, new)
    }

    fn insert(&self, client: &mut Client, batch: &Batch) -> Result<()> {
        let Postgres { target, columns, wires, has_repeats, .. } = self;
        let insertion = Insertion { target, columns, wires, has_repeats: *has_repeats, batch };
        insertion.insert(client)
    }

    fn keep_refused(&self, client: &mut Client, batch: &Batch) -> Result<()> {
        dead_letters::add(client, &self.target, batch.refused())
    }

    fn remove(&self, client: &mut Client, partition: Partition, first: Offset) -> Result<()> {
        let delete = format!(
            "DELETE FROM {} WHERE {} = $1 AND {} >= $2",
            self.target.quoted_table(),
            columns::PARTITION,
            columns::OFFSET
        );
        let (number, from) = (partition.0.cast_signed(), first.0.cast_signed());
        dead_letters::remove(client, &self.target, partition, first)?;
        client
            .execute_typed(&delete, &[(&number, Type::INT4), (&from, Type::INT8)])
            .map_err(self.failed("removing rows that were taken back"))?;
        Ok(())
    }

    fn commit(&self, client: &mut Client) -> Result<()> {
        client.batch_execute("COMMIT").map_err(self.failed("committing"))
    }

    fn rollback(&self, client: &mut Client) -> Result<()> {
        client.batch_execute("ROLLBACK").map_err(self.failed("taking the transaction back"))
    }

    /// The next row of the same key may be in another statement.
    fn mends(&mut self, error: &Error) -> bool {
        let is_repeat = matches!(error, Error::Database { what, .. } | Error::RowsRefused { what, .. }
            if what.contains("SQLSTATE 21000"));
        is_repeat && !std::mem::replace(&mut self.has_repeats, true)
    }
}
