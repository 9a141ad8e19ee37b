//! Rows as documents: the index, the id and the JSON of each, as two lines of a `_bulk` request.
//!
//! The id follows from the row, so a row that is written again replaces itself: of a window
//! `SENSOR/START/END/PANE/ERA/INPUT_PARTITION`, of other rows, and of one whose id would be too
//! long, its place in the result topic, `PARTITION/OFFSET`.

use seismic_proto::{ColumnType, Row, Schema, ValueRef};

use super::index_pattern::IndexPattern;
use super::target::Target;
use crate::rows::columns::{self, TableColumn};
use crate::rows::object::{ObjectFormat, put_text};
use crate::rows::{RowAt, text};
use crate::{Error, Rows};

/// Longest id of a document, in bytes.
const ID_BYTES: usize = 512;

/// An hour, ms: no index is of less.
const HOUR_MS: i64 = 3_600_000;

/// How the rows of one schema become documents.
#[derive(Debug)]
pub(super) struct DocumentFormat {
    pattern: IndexPattern,
    /// The column that names the index, by its place; `None`: there is one index.
    time: Option<usize>,
    /// Columns that tell windows apart, by their places; empty: only the place in the topic does.
    key: Vec<usize>,
    object: ObjectFormat,
    /// The index that was named last, and the hour that it is of.
    index: (i64, String),
}

impl DocumentFormat {
    /// How rows of this schema become documents there.
    pub(super) fn of(target: &Target, schema: &Schema) -> crate::Result<DocumentFormat> {
        let refuse = |what| Error::TableDiffers { place: target.name.clone(), what };
        DocumentFormat::try_of(target, schema).map_err(refuse)
    }

    fn try_of(target: &Target, schema: &Schema) -> Result<DocumentFormat, String> {
        let columns = target.choice.columns(schema, false)?;
        let time = match target.pattern.has_time() {
            true => Some(text::place(schema, "time", &target.time).map_err(|fault| {
                format!("{fault}; or name one index, as in index=seismic-rows")
            })?),
            false => None,
        };
        let is_time = |place: usize| {
            matches!(schema.columns()[place].kind, ColumnType::TimestampMs | ColumnType::Int64)
        };
        if time.is_some_and(|place| !is_time(place)) {
            return Err(format!("time names {:?}, which has no times in ms", target.time));
        }
        let key = columns::window_key(schema).into_iter().filter_map(|name| schema.index_of(name));
        Ok(DocumentFormat {
            pattern: target.pattern.clone(),
            time,
            key: key.collect(),
            object: ObjectFormat::of(columns),
            index: (i64::MIN, String::new()),
        })
    }

    /// What documents have.
    pub(super) fn columns(&self) -> &[TableColumn] {
        &self.object.columns
    }

    /// The index of a row.
    pub(super) fn index(&mut self, row: &Row) -> Result<&str, String> {
        let ms = match self.time.map(|place| row.get(place)) {
            None => 0,
            Some(ValueRef::Int64(ms)) => ms,
            Some(_) => return Err("it has no time, which names its index".to_owned()),
        };
        let hour = ms.div_euclid(HOUR_MS);
        if self.index.0 != hour {
            self.index = (hour, self.pattern.name(ms)?);
        }
        Ok(&self.index.1)
    }

    /// The id of a row.
    fn id(&self, rows: &Rows<'_>, at: &RowAt<'_>) -> String {
        let columns = rows.schema().columns();
        let words = self.key.iter().map(|&place| columns[place].show(at.row.get(place)));
        let id = words.collect::<Vec<_>>().join("/");
        match id.is_empty() || id.len() > ID_BYTES {
            true => format!("{}/{}", rows.partition(), at.offset),
            false => id,
        }
    }

    /// Appends the lines of a row; why it cannot be a document otherwise.
    pub(super) fn put(
        &mut self,
        rows: &Rows<'_>,
        at: RowAt<'_>,
        into: &mut Vec<u8>,
    ) -> Result<(), String> {
        let id = self.id(rows, &at);
        into.extend_from_slice(b"{\"index\":{\"_index\":");
        put_text(self.index(at.row)?, into);
        into.extend_from_slice(b",\"_id\":");
        put_text(&id, into);
        into.extend_from_slice(b"}}\n");
        self.object.put(rows, at, into);
        into.push(b'\n');
        Ok(())
    }
}
