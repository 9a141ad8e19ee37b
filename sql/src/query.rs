//! A compiled statement, and the rows of its answer.

use rusqlite::ffi::ErrorCode;
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, StatementStatus, ffi};

use crate::batch::Cell;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::virtual_table::Shared;

/// A compiled statement. It may be run again and again.
pub struct Query<'a> {
    statement: CachedStatement<'a>,
    budget: &'a Budget,
    tables: &'a [Shared],
    columns: Vec<String>,
}

/// What a run has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Rows read from all tables.
    pub rows: u64,
    /// NaNs among the values that were looked at, each NULL to the statement.
    pub nans: u64,
}

impl<'a> Query<'a> {
    pub(crate) fn new(
        statement: CachedStatement<'a>,
        budget: &'a Budget,
        tables: &'a [Shared],
    ) -> Self {
        let columns = statement.column_names().map(str::to_owned).collect();
        Query { statement, budget, tables, columns }
    }

    /// Names of the answer's columns, as the statement or SQLite names them; two may be alike.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Runs it. The answer's rows are computed as they are asked for.
    pub fn run(&mut self) -> Rows<'_> {
        self.budget.begin();
        self.tables.iter().for_each(Shared::begin);
        let Query { statement, budget, tables, columns } = self;
        // SQLite counts steps over all runs of a statement: where the budget ends a run must not
        // depend on those before.
        statement.reset_status(StatementStatus::VmStep);
        Rows { rows: statement.raw_query(), budget, tables, columns, number: 0 }
    }

    /// What the last run has counted so far.
    #[must_use]
    pub fn counted(&self) -> Counted {
        let (rows, nans) = self.budget.counts();
        Counted { rows, nans }
    }
}

/// The rows of an answer, one after the other.
pub struct Rows<'a> {
    rows: rusqlite::Rows<'a>,
    budget: &'a Budget,
    tables: &'a [Shared],
    columns: &'a [String],
    /// Rows so far.
    number: u64,
}

impl Rows<'_> {
    /// The next row; `None` after the last.
    ///
    /// # Errors
    /// When the run was ended, a table cannot be read, or a row failed. Nothing comes after it.
    #[allow(clippy::should_implement_trait, reason = "a row borrows from the rows")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>> {
        let Rows { rows, budget, tables, columns, number } = self;
        match rows.next() {
            Ok(None) => Ok(None),
            Ok(Some(row)) => {
                *number += 1;
                Ok(Some(Row { row, tables, columns, number: *number }))
            }
            Err(error) => Err(failure(&error, budget)),
        }
    }
}

fn failure(error: &rusqlite::Error, budget: &Budget) -> Error {
    if let Some(ended) = budget.error() {
        return ended;
    }
    let rows = budget.counts().0;
    match error {
        rusqlite::Error::SqliteFailure(ffi::Error { code: ErrorCode::TooBig, .. }, _) => {
            Error::Long
        }
        rusqlite::Error::SqliteFailure(ffi::Error { code: ErrorCode::OutOfMemory, .. }, _) => {
            Error::NoMemory
        }
        rusqlite::Error::SqliteFailure(_, Some(what)) => Error::Failed { what: what.clone(), rows },
        other => Error::Failed { what: other.to_string(), rows },
    }
}

/// One row of an answer.
pub struct Row<'a> {
    row: &'a rusqlite::Row<'a>,
    tables: &'a [Shared],
    columns: &'a [String],
    number: u64,
}

impl Row<'_> {
    /// How many cells it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether it has none; a row of an answer has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Of a statement that is row by row over the table at that place: which of the table's rows, from
    /// 0, it was made of.
    #[must_use]
    pub fn place(&self, table: usize) -> u64 {
        self.tables.get(table).map_or(0, Shared::row)
    }

    /// Its value in that column, from 0; NULL where there is no such column.
    ///
    /// # Errors
    /// [`Error::Encoding`] for text that is not UTF-8.
    pub fn cell(&self, column: usize) -> Result<Cell<'_>> {
        Ok(match self.row.get_ref(column) {
            Err(_) | Ok(ValueRef::Null) => Cell::Null,
            Ok(ValueRef::Integer(value)) => Cell::Integer(value),
            Ok(ValueRef::Real(value)) => Cell::Real(value),
            Ok(ValueRef::Blob(bytes)) => Cell::Blob(bytes),
            Ok(ValueRef::Text(bytes)) => match str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text),
                Err(_) => {
                    let column = self.columns.get(column).cloned().unwrap_or_default();
                    return Err(Error::Encoding { row: self.number, column });
                }
            },
        })
    }
}
