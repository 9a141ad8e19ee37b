//! The engine: a locked-down connection and its tables.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rusqlite::{Connection, OpenFlags};

use crate::allow::Allowed;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::functions::own::Function;
use crate::lock_down::lock_down;
use crate::query::Query;
use crate::refusal::Context;
use crate::row_by_row::Reading;
use crate::table::Table;
use crate::tokens::{common_tables, second_statement, tokens};
use crate::virtual_table::Shared;
use crate::{functions, limits, row_by_row};

/// What a caller may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ends the run soon after it is set.
    pub stop: Arc<AtomicBool>,
    /// Bytes that a run may keep.
    pub memory_bytes: u64,
    /// Functions that statements may call beside those of the engine.
    pub functions: Vec<Arc<dyn Function>>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { stop: Arc::default(), memory_bytes: limits::MEMORY_BYTES, functions: Vec::new() }
    }
}

/// Engine and version, as results name what made them.
#[must_use]
pub fn engine_version() -> String {
    format!("sqlite {}", rusqlite::version())
}

/// A connection in memory that can read its tables and nothing else.
pub struct Engine {
    connection: Connection,
    allowed: Arc<Allowed>,
    budget: Arc<Budget>,
    tables: Vec<Arc<dyn Table>>,
    shared: Vec<Shared>,
}

impl Engine {
    /// An engine with these tables.
    ///
    /// # Errors
    /// [`Error::Engine`] when SQLite cannot be set up.
    pub fn new(tables: Vec<Arc<dyn Table>>) -> Result<Engine> {
        Engine::with(tables, Settings::default())
    }

    /// The same, with settings.
    ///
    /// # Errors
    /// As [`Engine::new`].
    pub fn with(tables: Vec<Arc<dyn Table>>, settings: Settings) -> Result<Engine> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_MEMORY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_in_memory_with_flags(flags)?;
        // What a sort keeps stays in memory, where it has a bound.
        connection.execute_batch("PRAGMA temp_store = MEMORY")?;
        functions::register(&connection)?;
        functions::own::register(&connection, &settings.functions)?;
        let budget = Arc::new(Budget::new(settings.stop, settings.memory_bytes));
        let shared: Vec<_> = tables
            .iter()
            .map(|table| Shared::new(Arc::clone(table), Arc::clone(&budget)))
            .collect();
        for table in &shared {
            table.clone().register(&connection)?;
        }
        // Nothing is registered from here on: SQLite asks for leave when it compiles, and only
        // then.
        lock_down(&connection)?;
        let names = tables.iter().map(|table| table.name().to_lowercase()).collect();
        let own = settings.functions.iter().map(|it| it.name().to_lowercase());
        let allowed = Arc::new(Allowed::new(names, own));
        let judge = Arc::clone(&allowed);
        connection
            .authorizer(Some(move |asked: rusqlite::hooks::AuthContext<'_>| judge.judge(asked)))?;
        let look = Arc::clone(&budget);
        connection.progress_handler(limits::STEPS_BETWEEN_LOOKS, Some(move || look.look()))?;
        Ok(Engine { connection, allowed, budget, tables, shared })
    }

    /// Compiles a statement: one SELECT over the tables.
    ///
    /// # Errors
    /// [`Error::Refused`] with the place, what is wrong, and what may be meant.
    pub fn prepare(&self, sql: &str) -> Result<Query<'_>> {
        if sql.len() > limits::STATEMENT_BYTES.unsigned_abs() as usize {
            let what =
                format!("the statement is longer than {} KiB", limits::STATEMENT_BYTES >> 10);
            return Err(Error::Refused { place: None, what });
        }
        let tokens = tokens(sql);
        let context =
            Context { sql, tokens: &tokens, tables: &self.tables, allowed: &self.allowed };
        let refused = |at: Option<usize>, what: &str| Err(context.refused(at, what.to_owned()));
        let Some(first) = tokens.first() else {
            return refused(None, "there is no statement");
        };
        if let Some(at) = second_statement(&tokens) {
            return refused(Some(at), "one statement is run, and here begins a second one");
        }
        if first.is_name("explain") {
            return refused(Some(first.at), "EXPLAIN is not run: write the SELECT alone");
        }
        if sql.contains('\0') {
            return refused(None, "the statement has a zero byte");
        }
        self.allowed.begin(self.names_of_nothing_else(common_tables(&tokens)));
        // One that is kept is compiled without the white space around it, and places would be others.
        let prepared = self.connection.prepare(sql);
        if let Some(denied) = self.allowed.denied() {
            return Err(context.denied(&denied));
        }
        let statement = prepared.map_err(|error| context.of_sqlite(&error))?;
        if !statement.readonly() || statement.column_count() == 0 {
            return refused(Some(first.at), "only SELECT is run, which reads");
        }
        if statement.parameter_count() > 0 {
            return refused(
                None,
                "the statement has a placeholder (?, :name, @name or $name), and no value",
            );
        }
        drop(statement);
        self.again(sql)
    }

    /// The same of a statement that [`Engine::prepare`] took before, without checking it again: it is
    /// kept compiled.
    ///
    /// # Errors
    /// As [`Engine::prepare`], where it did not take it.
    pub fn again(&self, sql: &str) -> Result<Query<'_>> {
        let statement = self.connection.prepare_cached(sql)?;
        Ok(Query::new(statement, &self.budget, &self.shared))
    }

    /// Checks that a statement that [`Engine::prepare`] takes is row by row over the table at that
    /// place: each row of its answer is made of one row of that table, whatever other rows of it
    /// there are. So the answer does not depend on how the rows are cut into batches, and
    /// [`Row::place`](crate::Row::place) names the row.
    ///
    /// # Errors
    /// [`Error::Refused`] with what makes the answer depend on several rows.
    pub fn check_row_by_row(&self, sql: &str, table: usize) -> Result<()> {
        let tokens = tokens(sql);
        let context =
            Context { sql, tokens: &tokens, tables: &self.tables, allowed: &self.allowed };
        self.allowed.begin(self.names_of_nothing_else(common_tables(&tokens)));
        let name = self.tables.get(table).map_or("", |table| table.name());
        let address = self.shared.get(table).map_or(0, Shared::address);
        match row_by_row::objection(&self.connection, sql, (name, address))? {
            None => Ok(()),
            Some(objection) => {
                let word = objection.words.iter().find_map(|word| context.place_of_name(word));
                Err(context.refused(word, objection.why))
            }
        }
    }

    /// How a statement that [`Engine::prepare`] takes reads the table at that place.
    ///
    /// # Errors
    /// As [`Engine::prepare`], where it did not take it.
    pub fn reading(&self, sql: &str, table: usize) -> Result<Reading> {
        self.allowed.begin(self.names_of_nothing_else(common_tables(&tokens(sql))));
        match self.shared.get(table).map_or(0, Shared::address) {
            0 => Ok(Reading::Not),
            address => Ok(row_by_row::reading(&self.connection, sql, address)?),
        }
    }

    /// Those of the names that no table has, also none that SQLite makes when it is first named
    /// (`json_each`): where a statement defines a table of such a name, nothing else can be meant.
    fn names_of_nothing_else(&self, mut names: BTreeSet<String>) -> BTreeSet<String> {
        names.retain(|name| {
            self.allowed.begin(BTreeSet::new());
            let quoted = name.replace('"', "\"\"");
            let read = self.connection.prepare(&format!("SELECT 1 FROM main.\"{quoted}\""));
            let is_missing = read.is_err_and(|why| why.to_string().contains("no such table"));
            is_missing && self.allowed.denied().is_none()
        });
        names
    }
}
