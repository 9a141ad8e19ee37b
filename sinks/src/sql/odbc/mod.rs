//! Rows in a table of any database that has a driver of ODBC, each exactly once: rows and position are
//! one transaction.
//!
//! ```text
//! autocommit off
//! UPDATE seismic_position SET next = new WHERE next = old AND writer = me    the fence; others wait here
//! INSERT INTO windows … VALUES (?, ?, …)                     once for arrays of up to 512 rows
//! SQLEndTran: commit
//! SELECT next                                                a driver may have lost it without a word
//! ```
//!
//! What is done with these, and what holds when a connection is lost, is in `sql/sink.rs`. What
//! databases say differently is in `dialect.rs` and `upsert.rs`.
//!
//! * **Library.** The driver manager is loaded when the first sink connects (`manager.rs`). The crate
//!   `odbc-api` is linked with it, so that a program that has it does not start where it is missing,
//!   and panics when a connection that was lost is closed.
//! * **Values.** Texts are handed over as UTF-16, numbers and times as they are, in arrays; times are
//!   UTC, in the years 1753 to 9999. Numbers that are none are refused, or NULL where `nan=null` says
//!   so; a text with U+0000 is refused.
//! * **Owners.** The sink that opened the table last has it; an older one is fenced.

mod address;
mod compare;
mod ddl;
mod dead_letters;
mod dialect;
mod examine;
mod insertion;
mod link;
mod manager;
mod merge;
mod options;
mod parameter;
mod position;
mod reading;
mod session;
mod statement;
mod table;
mod target;
mod trouble;
mod upsert;
mod wire;

use std::path::PathBuf;

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
use dialect::Dialect;
use insertion::Insertion;
use position::long;
use session::Session;
use target::Target;
use trouble::{Trouble, failure};
use wire::Wire;

pub use compare::stored_rows;

/// Its place in the list of sinks.
pub(crate) const ENTRY: Entry = Entry {
    scheme: "odbc",
    form: address::FORM,
    target: Some(""),
    options: options::OPTIONS,
    place: &["table"],
    name: |spec| Target::read(spec).map_or_else(|_| spec.shown(), |target| target.name.clone()),
    passes_over: true,
    keeps_refused: true,
    is_remote: true,
    shows_only: false,
    // A driver of files writes where it is told.
    file: |spec| {
        let target = Target::read(spec).ok()?;
        let is_of_file = target.names_by_driver().dialect == Dialect::Sqlite;
        is_of_file.then(|| PathBuf::from(target.address.database()))
    },
    writes: |spec| Some(Written::Named(spec.text("table").to_owned())),
    check: |spec| Target::read(spec).err().unwrap_or_default(),
    open,
    examine: examine::examine,
    ddl: Some(|spec, schema| {
        let target = Target::of(spec)?;
        let names = target.names_by_driver();
        let statements = ddl::statements(&target, &names, &target.columns(schema)?);
        let statements: Vec<_> = statements.into_iter().map(|(_, it)| it).collect();
        let dialect = names.dialect.word();
        Ok(format!("-- dialect {dialect}\n{}\n", statements.join("\n\n")))
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

fn sink(spec: &SinkSpec, context: &Context) -> Result<TableSink<Odbc>> {
    let target = Target::of(spec)?;
    let database = Odbc {
        columns: target.columns(&context.schema)?,
        target,
        application: application(),
        store: (context.store_id.clone(), context.topic.clone()),
        dialect: Dialect::Generic,
        wires: Vec::new(),
    };
    Ok(TableSink::new(database, context))
}

/// A table of a database that has a driver.
#[derive(Clone)]
struct Odbc {
    target: Target,
    /// Name of this sink in the table of positions.
    application: String,
    /// Whose rows it writes: id of the store, and topic.
    store: (String, String),
    columns: Vec<TableColumn>,
    /// Whose SQL is spoken, once it is known.
    dialect: Dialect,
    /// How each column takes its values.
    wires: Vec<Wire>,
}

impl Odbc {
    /// What failed.
    fn failed(&self, doing: &'static str) -> impl FnOnce(Trouble) -> Error + '_ {
        move |trouble| failure(&self.target.name, doing, trouble)
    }
}

impl Database for Odbc {
    type Session = Session;

    const FAILPOINTS: Failpoints = Failpoints {
        before_fence: failpoints::ODBC_BEFORE_FENCE,
        after_fence: failpoints::ODBC_AFTER_FENCE,
        before_commit: failpoints::ODBC_BEFORE_COMMIT,
        after_commit: failpoints::ODBC_AFTER_COMMIT,
    };

    fn target(&self) -> &TableTarget {
        &self.target
    }

    fn of_lane(&self, _: usize) -> Self {
        self.clone()
    }

    fn open(&self) -> Result<Session> {
        session::open(&self.target)
    }

    fn is_alive(&self, session: &mut Session) -> bool {
        session.is_alive()
    }

    fn prepare(&mut self, session: &mut Session) -> Result<()> {
        if self.target.creates {
            table::make(session, &self.target, &self.columns)?;
        }
        self.wires = table::check(session, &self.target, &self.columns)?;
        self.dialect = session.names.dialect;
        // Those of another store stay with whoever has them: this sink will be refused.
        let is_ours =
            |it: &StoredPosition| (&it.store, &it.topic) == (&self.store.0, &self.store.1);
        if position::read(session, &self.target)?.is_some_and(|stored| is_ours(&stored)) {
            position::sign(session, &self.target, &self.application)?;
        }
        Ok(())
    }

    fn read_position(&self, session: &mut Session) -> Result<Option<StoredPosition>> {
        position::wait(session, &self.target)?;
        position::read(session, &self.target)
    }

    fn begin_position(
        &self,
        session: &mut Session,
        context: &Context,
        known: usize,
        new: &[Span],
    ) -> Result<()> {
        let place = (&self.target, &*self.application);
        position::begin(session, place, context, known, new)
    }

    fn has_rows(&self, session: &mut Session) -> Result<bool> {
        position::has_rows(session, &self.target)
    }

    fn encode(
        &self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut Vec<u8>,
    ) -> std::result::Result<(), String> {
        let how = (self.dialect, self.target.nan_is_null);
        wire::put_row((&self.columns, &self.wires), how, (rows, at), into)
    }

    fn begin(&self, session: &mut Session) -> Result<()> {
        session.moved = None;
        session.link.begin().map_err(self.failed("beginning a transaction"))
    }

    fn advance(&self, session: &mut Session, old: &[Position], new: &[Position]) -> Result<bool> {
        position::advance(session, (&self.target, &self.application), old, new)
    }

    fn insert(&self, session: &mut Session, batch: &Batch) -> Result<()> {
        let Odbc { target, columns, wires, .. } = self;
        Insertion { target, columns, wires, batch }.insert(session)
    }

    fn keep_refused(&self, session: &mut Session, batch: &Batch) -> Result<()> {
        dead_letters::add(session, &self.target, batch.refused())
    }

    fn remove(&self, session: &mut Session, partition: Partition, first: Offset) -> Result<()> {
        let names = &session.names;
        let delete = format!(
            "DELETE FROM {} WHERE {} = ? AND {} >= ?",
            names.table(&self.target.table),
            names.quoted(columns::PARTITION),
            names.quoted(columns::OFFSET)
        );
        let from = vec![long(names, partition.0.into()), long(names, first.0.cast_signed())];
        dead_letters::remove(session, &self.target, partition, first)?;
        let removed = session.link.execute(&delete, from);
        removed.map(drop).map_err(self.failed("removing rows that were taken back"))
    }

    fn commit(&self, session: &mut Session) -> Result<()> {
        session.link.commit().map_err(self.failed("committing"))?;
        position::prove(session, &self.target)
    }

    fn rollback(&self, session: &mut Session) -> Result<()> {
        session.link.rollback().map_err(self.failed("taking the transaction back"))
    }
}
