//! Records as comma-separated values (RFC 4180): a header names fields of `SeismicRecord` in any
//! order, missing columns and empty cells are the default, floats may be `NaN`, `Infinity` and
//! `-Infinity`.

use seismic_proto::SeismicRecord;

use super::csv_row::CsvRow;
use super::field::RecordField;
use super::item::{Item, ParsedLine};
use crate::files::lines::Lines;
use crate::{Result, limits};

/// The rows of one file.
pub(crate) struct CsvReader {
    lines: Lines,
    columns: Vec<RecordField>,
    row: CsvRow,
}

impl CsvReader {
    /// Reads the header.
    ///
    /// # Errors
    /// When there is none, or a column is unknown or there twice.
    pub(crate) fn open(lines: Lines) -> Result<Self> {
        let row = CsvRow::new(RecordField::ALL.len(), limits::LINE_BYTES);
        let mut rows = CsvReader { lines, columns: Vec::new(), row };
        let header = rows.read_row()?.map(|(_, row)| row.and_then(|()| columns(&rows.row)));
        match header.unwrap_or_else(|| Err("there is no header".to_owned())) {
            Ok(columns) => rows.columns = columns,
            Err(what) => return Err(rows.lines.error(what)),
        }
        Ok(rows)
    }

    /// The next row, or what is wrong with it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> Result<Option<ParsedLine>> {
        let row = self.read_row()?;
        Ok(row
            .map(|(line, row)| ParsedLine { number: line, item: row.and_then(|()| self.record()) }))
    }

    /// Fills `self.row`; the number is that of its first line.
    fn read_row(&mut self) -> Result<Option<(u64, Result<(), String>)>> {
        self.row.clear();
        let mut first = None;
        loop {
            let number = self.lines.number() + 1;
            let line = match self.lines.read()? {
                None if first.is_none() => return Ok(None),
                None => Err("a quote is not closed".to_owned()),
                Some(Ok(line)) if first.is_none() && line.trim_ascii().is_empty() => continue,
                Some(Ok(line)) => self.row.push(line),
                Some(Err(too_long)) => Err(too_long.to_string()),
            };
            let first = *first.get_or_insert(number);
            match line {
                Ok(false) => {}
                Ok(true) => return Ok(Some((first, Ok(())))),
                Err(what) => return Ok(Some((first, Err(what)))),
            }
        }
    }

    fn record(&self) -> Result<Item, String> {
        let (fields, columns) = (self.row.len(), self.columns.len());
        if fields != columns {
            return Err(format!("it has {fields} fields; the header names {columns}"));
        }
        let mut record = SeismicRecord::default();
        for (column, bytes) in self.columns.iter().zip(self.row.fields()) {
            let name = column.name();
            let text = std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
            column.set(&mut record, text).map_err(|what| format!("{name}: {what}"))?;
        }
        Ok(Item::Record(record))
    }
}

fn columns(header: &CsvRow) -> Result<Vec<RecordField>, String> {
    let mut columns = Vec::with_capacity(header.len());
    for name in header.fields() {
        let name = String::from_utf8_lossy(name.trim_ascii());
        let Some(field) = RecordField::named(&name) else {
            let known = RecordField::ALL.map(|(_, name)| name).join(", ");
            return Err(format!("no field is called {name:?}; the header may name {known}"));
        };
        if columns.contains(&field) {
            return Err(format!("the header names {name:?} twice"));
        }
        columns.push(field);
    }
    Ok(columns)
}
