//! Takes rows of a table while there is room for them.

use super::{TableQuestion, TableRows, TableValue};
use crate::{Error, Result};

/// Takes rows while there is room.
pub(crate) struct TableReader<'a> {
    question: &'a TableQuestion<'a>,
    bytes: usize,
    rows: TableRows,
    row: Vec<TableValue>,
}

impl<'a> TableReader<'a> {
    /// For what is asked.
    pub(crate) fn new(question: &'a TableQuestion<'a>) -> Self {
        TableReader { question, bytes: 0, rows: Vec::new(), row: Vec::new() }
    }

    /// The next value.
    pub(crate) fn push(&mut self, value: TableValue) -> Result<()> {
        self.bytes += match &value {
            TableValue::Text(text) | TableValue::Decimal(text) | TableValue::Written(text) => {
                text.len()
            }
            _ => size_of::<f64>(),
        };
        if self.bytes > self.question.bytes {
            return Err(self.too_large(&format!("more than {} MiB", self.question.bytes >> 20)));
        }
        self.row.push(value);
        Ok(())
    }

    /// A value that is of no type of a table.
    pub(crate) fn refuse(&self, place: usize, what: &str) -> Error {
        let column = self.question.columns.get(place).copied().unwrap_or_default();
        let what = format!(
            "column {column} is {what}: have a query make an integer, a floating-point number or \
             text of it"
        );
        Error::TableUnread { place: self.question.place.to_owned(), what }
    }

    /// The row is over.
    pub(crate) fn end_row(&mut self) -> Result<()> {
        let next = Vec::with_capacity(self.question.columns.len());
        self.rows.push(std::mem::replace(&mut self.row, next));
        match self.rows.len() > self.question.rows {
            true => Err(self.too_large(&format!("more than {} rows", self.question.rows))),
            false => Ok(()),
        }
    }

    pub(crate) fn rows(self) -> TableRows {
        self.rows
    }

    fn too_large(&self, what: &str) -> Error {
        let what = format!("it has {what}, and it is to be in memory");
        Error::TableUnread { place: self.question.place.to_owned(), what }
    }
}
