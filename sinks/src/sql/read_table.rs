//! A table of a database that is read as a whole, whichever database it is.

use std::time::Duration;

use super::patience::{PATIENCE_TO_LOOK, Patience};
use crate::table_source::{TableQuestion, TableRows, TableValue};
use crate::{Error, Result, limits, nearest};

/// How long is waited for a server when a table is read there.
pub(super) const PATIENCE_TO_READ: Patience =
    Patience { statement: limits::TABLE_PATIENCE, ..PATIENCE_TO_LOOK };

/// The server ends a statement by itself that takes that long: whoever asked has gone by then.
pub(super) const STATEMENT_TIME: Duration = limits::TABLE_PATIENCE;

/// Takes rows while there is room.
pub(super) struct TableReader<'a> {
    question: &'a TableQuestion<'a>,
    bytes: usize,
    rows: TableRows,
    row: Vec<TableValue>,
}

impl<'a> TableReader<'a> {
    /// For what is asked.
    pub(super) fn new(question: &'a TableQuestion<'a>) -> Self {
        TableReader { question, bytes: 0, rows: Vec::new(), row: Vec::new() }
    }

    /// The next value.
    pub(super) fn push(&mut self, value: TableValue) -> Result<()> {
        self.bytes += match &value {
            TableValue::Text(text) | TableValue::Decimal(text) => text.len(),
            _ => size_of::<f64>(),
        };
        if self.bytes > self.question.bytes {
            return Err(self.too_large(&format!("more than {} MiB", self.question.bytes >> 20)));
        }
        self.row.push(value);
        Ok(())
    }

    /// A value that is of no type of a table.
    pub(super) fn refuse(&self, place: usize, what: &str) -> Error {
        let column = self.question.columns.get(place).copied().unwrap_or_default();
        let what = format!(
            "column {column} is {what}: have a query make an integer, a floating-point number or \
             text of it"
        );
        Error::TableUnread { place: self.question.place.to_owned(), what }
    }

    /// The row is over.
    pub(super) fn end_row(&mut self) -> Result<()> {
        let next = Vec::with_capacity(self.question.columns.len());
        self.rows.push(std::mem::replace(&mut self.row, next));
        match self.rows.len() > self.question.rows {
            true => Err(self.too_large(&format!("more than {} rows", self.question.rows))),
            false => Ok(()),
        }
    }

    pub(super) fn rows(self) -> TableRows {
        self.rows
    }

    fn too_large(&self, what: &str) -> Error {
        let what = format!("it has {what}, and it is to be in memory");
        Error::TableUnread { place: self.question.place.to_owned(), what }
    }
}

/// The query of a question, without what may stand at its end; a comment of the last line ends there.
pub(super) fn as_a_table(query: &str) -> String {
    format!("({}\n) AS t", query.trim_end().trim_end_matches(';'))
}

/// The names that the table has for the columns, which may be in other cases.
pub(super) fn find_columns(question: &TableQuestion<'_>, there: &[String]) -> Result<Vec<String>> {
    let find = |column: &&str| {
        let mut all = there.iter().filter(|name| name.eq_ignore_ascii_case(column));
        let exact = there.iter().find(|name| name.as_str() == *column);
        if let Some(name) = exact.or_else(|| all.next()) {
            return Ok(name.clone());
        }
        let near = nearest(column, there.iter().map(String::as_str));
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        let what = format!("it has no column {column}{near}");
        Err(Error::TableUnread { place: question.place.to_owned(), what })
    };
    question.columns.iter().map(find).collect()
}
