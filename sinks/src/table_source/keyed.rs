//! Rows of servers that have keys and named values of bytes: what is a key there is a column of the
//! table, and each value is written as in a file of text.

use std::time::Instant;

use super::reader::TableReader;
use super::{TableQuestion, TableRows, TableValue};
use crate::{Error, Result, limits, nearest};

/// Takes such rows.
pub(crate) struct KeyedReader<'a> {
    question: &'a TableQuestion<'a>,
    reader: TableReader<'a>,
    were_seen: Vec<bool>,
    /// A name that the server has and no column: what may be meant by one that it has not.
    other: Vec<String>,
    rows: usize,
    begun: Instant,
}

/// Names that are kept of those that no column has.
const OTHER_NAMES: usize = 64;

impl<'a> KeyedReader<'a> {
    /// For what is asked.
    ///
    /// # Errors
    /// When rows are not found by one column.
    pub(crate) fn new(question: &'a TableQuestion<'a>) -> Result<Self> {
        if question.key.len() != 1 {
            let what = "its rows are found by one column: name one as key".to_owned();
            return Err(Error::TableUnread { place: question.place.to_owned(), what });
        }
        Ok(KeyedReader {
            question,
            reader: TableReader::new(question),
            were_seen: vec![false; question.columns.len()],
            other: Vec::new(),
            rows: 0,
            begun: Instant::now(),
        })
    }

    /// The columns that are none of its key.
    pub(crate) fn values(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let key = self.question.key[0];
        let columns = self.question.columns;
        columns.iter().copied().filter(move |name| !name.eq_ignore_ascii_case(key))
    }

    /// A row: its key, and its values in the order of [`KeyedReader::values`].
    pub(crate) fn row(
        &mut self,
        key: &[u8],
        values: impl IntoIterator<Item = Option<Vec<u8>>>,
    ) -> Result<()> {
        self.check_time()?;
        let mut values = values.into_iter();
        for (place, name) in self.question.columns.iter().enumerate() {
            let value = match name.eq_ignore_ascii_case(self.question.key[0]) {
                true => Some(key.to_vec()),
                false => values.next().flatten(),
            };
            let Some(bytes) = value else {
                self.reader.push(TableValue::Null)?;
                continue;
            };
            self.were_seen[place] = true;
            let text = String::from_utf8(bytes).map_err(|_| {
                let what = format!(
                    "{name} of the key {:?} is no text in UTF-8: leave the column out, or write the value \
                     as text",
                    String::from_utf8_lossy(key)
                );
                self.refuse(what)
            })?;
            self.reader.push(TableValue::Written(text))?;
        }
        self.rows += 1;
        self.reader.end_row()
    }

    /// Notes a name that the server has.
    pub(crate) fn see_name(&mut self, name: &str) {
        if self.other.len() < OTHER_NAMES && !self.other.iter().any(|other| other == name) {
            self.other.push(name.to_owned());
        }
    }

    /// What cannot be read.
    pub(crate) fn refuse(&self, what: String) -> Error {
        Error::TableUnread { place: self.question.place.to_owned(), what }
    }

    /// Refuses a table that takes longer than there is time for it.
    pub(crate) fn check_time(&self) -> Result<()> {
        let seconds = limits::TABLE_PATIENCE.as_secs();
        match self.begun.elapsed() > limits::TABLE_PATIENCE {
            true => Err(self.refuse(format!("it was not read within {seconds} s"))),
            false => Ok(()),
        }
    }

    /// All rows.
    ///
    /// # Errors
    /// When a column is nowhere.
    pub(crate) fn rows(self) -> Result<TableRows> {
        let unseen = self.question.columns.iter().zip(&self.were_seen);
        let unseen = unseen.filter(|(_, was_seen)| !**was_seen).map(|(name, _)| *name).next();
        if let Some(name) = unseen.filter(|_| self.rows > 0) {
            let near = nearest(name, self.other.iter().map(String::as_str));
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            return Err(self.refuse(format!("none of its rows has a value {name}{near}")));
        }
        Ok(self.reader.rows())
    }
}
