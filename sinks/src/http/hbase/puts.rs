//! Rows that wait to be put, and requests of some of them. A row that is put again has the same cells.

use seismic_proto::{Column, Schema, ValueRef};
use seismic_queue::{Kind, Offset, Partition};

use super::cells::{self, CellColumn};
use super::failure;
use super::target::Target;
use crate::http::answer::{self, Request, Server};
use crate::rows::columns::TableColumn;
use crate::rows::template::Key;
use crate::rows::{RowAt, text};
use crate::{Error, Result, Rows, failpoints, limits};

const DOING: &str = "writing rows";

/// Longest row key, in bytes: HBase takes 32 KiB, and the paths of gateways less.
pub(super) const KEY_BYTES: usize = 2_000;

/// How the rows of one schema become rows of the table.
#[derive(Debug)]
pub(super) struct PutFormat {
    pub(super) key: Key,
    pub(super) columns: Vec<TableColumn>,
    cells: Vec<CellColumn>,
}

impl PutFormat {
    /// How rows of this schema become rows there; else what is wrong.
    pub(super) fn of(target: &Target, schema: &Schema) -> std::result::Result<PutFormat, String> {
        let columns = target.choice.columns(schema, false)?;
        let cells = columns.iter().map(|column| CellColumn::of(&target.family, &column.name));
        Ok(PutFormat { key: target.key(schema)?, cells: cells.collect(), columns })
    }

    /// Appends a row; why it cannot be one of the table otherwise.
    fn put(
        &self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut String,
    ) -> std::result::Result<(), String> {
        cells::begin_row(&key_of(&self.key, rows.schema(), rows.partition(), at)?, into);
        for (column, cell) in self.columns.iter().zip(&self.cells) {
            let (of, value) = column.value(rows, at);
            cells::put_cell(cell, value_text(of, value).as_bytes(), into);
        }
        cells::end_row(into);
        Ok(())
    }
}

/// The key of a row, which HBase takes; why there is none otherwise.
pub(super) fn key_of(
    key: &Key,
    schema: &Schema,
    partition: Partition,
    at: RowAt<'_>,
) -> std::result::Result<Vec<u8>, String> {
    let key = key.of_placed(schema, at.row, (partition, at.offset))?;
    match key.len() {
        0 => Err("its key is empty".to_owned()),
        length if length > KEY_BYTES => {
            Err(format!("its key has {length} bytes, and at most {KEY_BYTES} are taken"))
        }
        _ => Ok(key),
    }
}

/// A value as the text of its cell: numbers in the shortest form that reads back to the same, times in
/// ms since 1970; empty where there is none, so that a row which comes later under the same key leaves
/// nothing of the one before.
pub(super) fn value_text(of: Option<&Column>, value: ValueRef<'_>) -> String {
    match (of, value) {
        (Some(column), value) => text::text(column, value).unwrap_or_default(),
        (None, ValueRef::Text(text)) => text.to_owned(),
        (None, ValueRef::Int32(number)) => number.to_string(),
        (None, ValueRef::Int64(number)) => number.to_string(),
        (None, _) => String::new(),
    }
}

/// Encoded rows, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Puts {
    text: String,
    rows: Vec<PutRow>,
    /// How many of the first ones are there.
    there: usize,
    /// How many rows a request may have: fewer after one that was too much.
    pace: usize,
}

#[derive(Debug)]
struct PutRow {
    partition: Partition,
    offset: Offset,
    /// Where its text ends.
    end: usize,
}

impl Default for Puts {
    fn default() -> Self {
        Puts { text: String::new(), rows: Vec::new(), there: 0, pace: usize::MAX }
    }
}

impl Puts {
    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Forgets what came after so many rows.
    pub(super) fn cut(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.text.truncate(self.rows.last().map_or(0, |row| row.end));
        self.there = self.there.min(rows);
    }

    /// Adds a row, or says why it cannot be there.
    pub(super) fn add(
        &mut self,
        format: &PutFormat,
        rows: &Rows<'_>,
        at: RowAt<'_>,
    ) -> std::result::Result<(), String> {
        format.put(rows, at, &mut self.text)?;
        let (partition, offset, end) = (rows.partition(), at.offset, self.text.len());
        self.rows.push(PutRow { partition, offset, end });
        Ok(())
    }

    fn begin(&self, row: usize) -> usize {
        row.checked_sub(1).map_or(0, |before| self.rows[before].end)
    }

    /// The end of the next request: some rows that are not there.
    fn piece(&self, most_bytes: usize) -> usize {
        let begin = self.begin(self.there);
        let most = self.there.saturating_add(self.pace).min(self.rows.len());
        let fits = |row: &usize| self.rows[*row].end - begin <= most_bytes;
        (self.there + 1..most).find(|row| !fits(row)).unwrap_or(most)
    }

    /// Brings all rows to the server.
    ///
    /// # Errors
    /// [`Error::RowRefused`] where one cannot be there; others may be.
    pub(super) fn send(&mut self, server: &Server, target: &Target) -> Result<()> {
        while self.there < self.rows.len() {
            let end = self.piece(target.batch_bytes);
            let count = end - self.there;
            let mut body = String::with_capacity(target.batch_bytes.min(self.text.len()) + 64);
            body.push_str(cells::BEGIN);
            for row in self.there..end {
                if row > self.there {
                    body.push(',');
                }
                body.push_str(&self.text[self.begin(row)..self.rows[row].end]);
            }
            body.push_str(cells::END);
            failpoints::pass(failpoints::HBASE_BEFORE_PUT)?;
            // The path has a row, which says nothing: rows have their keys.
            let path = format!("/{}/rows", target.table);
            let request = Request::Put(body.as_bytes());
            let answer = server.ask(DOING, request, &path, limits::DOCUMENTS_ANSWER_BYTES);
            failpoints::pass(failpoints::HBASE_AFTER_PUT)?;
            let answer = answer.inspect_err(|error| {
                // A server that is too slow for as many takes fewer.
                if answer::is_timeout(error) {
                    self.pace = (count / 2).max(1);
                }
            })?;
            if answer.status == 200 {
                (self.there, self.pace) = (end, self.pace.saturating_mul(2));
                continue;
            }
            let is_of_row = failure::kind(&answer) == Kind::Data;
            if is_of_row && count == 1 {
                let PutRow { partition, offset, .. } = self.rows[self.there];
                let (place, what) = (target.name.clone(), failure::said(&answer));
                return Err(Error::RowRefused { place, partition, offset, what });
            }
            if is_of_row || answer.status == 413 {
                self.pace = (count / 2).max(1);
            }
            if !is_of_row {
                return Err(failure::of_answer(&target.name, DOING, &answer));
            }
        }
        Ok(())
    }
}
