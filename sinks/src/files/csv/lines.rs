//! Rows as lines of CSV, for use outside a folder.

use seismic_proto::{Row, Schema};

use super::cells::{self, Times};

/// Makes lines, as they are in the files of a folder. Its memory is used again for every line.
#[derive(Debug)]
pub struct CsvLines {
    schema: Schema,
    times: Times,
    line: Vec<u8>,
}

impl CsvLines {
    /// For rows of this schema.
    #[must_use]
    pub fn new(schema: &Schema, times: Times) -> Self {
        CsvLines { schema: schema.clone(), times, line: Vec::new() }
    }

    /// The line with the names of the columns.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        cells::header(&self.schema)
    }

    /// The line of a row, with its end.
    pub fn row(&mut self, row: &Row) -> &[u8] {
        self.line.clear();
        cells::Writer::new(&mut self.line).times(self.times).row(&self.schema, row);
        &self.line
    }
}
