//! Rows on their way into a statement: one vector of cells and one of bytes, both used again.

use std::ops::Range;

/// A value as SQL knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// There is none.
    Null,
    /// 64 bits, signed.
    Integer(i64),
    /// 64 bits. NaN comes in as NULL, and negative zero as zero.
    Real(f64),
    /// UTF-8.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// Rows of one table.
#[derive(Clone, Debug)]
pub struct Batch {
    width: usize,
    cells: Vec<StoredCell>,
    texts: String,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
enum StoredCell {
    Null,
    Integer(i64),
    Real(f64),
    Text(Range<usize>),
    Blob(Range<usize>),
}

impl Batch {
    /// An empty batch for rows of so many columns.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Batch { width, cells: Vec::new(), texts: String::new(), bytes: Vec::new() }
    }

    /// Appends the next cell: the rows one after the other, each with a cell for every column.
    pub fn push(&mut self, cell: Cell<'_>) {
        self.cells.push(match cell {
            Cell::Null => StoredCell::Null,
            Cell::Integer(value) => StoredCell::Integer(value),
            Cell::Real(value) => StoredCell::Real(value),
            Cell::Text(text) => {
                let from = self.texts.len();
                self.texts.push_str(text);
                StoredCell::Text(from..self.texts.len())
            }
            Cell::Blob(blob) => {
                let from = self.bytes.len();
                self.bytes.extend_from_slice(blob);
                StoredCell::Blob(from..self.bytes.len())
            }
        });
    }

    /// Appends a row.
    ///
    /// # Panics
    /// When it has not a cell for every column.
    pub fn push_row(&mut self, row: &[Cell<'_>]) {
        assert_eq!(row.len(), self.width, "a row has a cell for every column");
        row.iter().for_each(|cell| self.push(*cell));
    }

    /// Columns of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Takes the last row back; its bytes stay until the batch is emptied.
    pub fn pop_row(&mut self) {
        self.cells.truncate(self.cells.len().saturating_sub(self.width));
    }

    /// Whole rows in it.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    /// Empties it; memory is kept.
    pub fn clear(&mut self) {
        self.cells.clear();
        self.texts.clear();
        self.bytes.clear();
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let cells = self.cells.capacity() * size_of::<StoredCell>();
        (cells + self.texts.capacity() + self.bytes.capacity()) as u64
    }

    /// The cell of a row and a column; NULL where there is none.
    #[must_use]
    pub fn cell(&self, row: usize, column: usize) -> Cell<'_> {
        match self.cells.get(row * self.width + column) {
            None | Some(StoredCell::Null) => Cell::Null,
            Some(StoredCell::Integer(value)) => Cell::Integer(*value),
            Some(StoredCell::Real(value)) => Cell::Real(*value),
            Some(StoredCell::Text(range)) => Cell::Text(&self.texts[range.clone()]),
            Some(StoredCell::Blob(range)) => Cell::Blob(&self.bytes[range.clone()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_out_as_they_went_in_also_after_the_batch_was_used_before() {
        let mut batch = Batch::new(3);
        for round in 0..2 {
            batch.clear();
            batch.push_row(&[Cell::Text("ü"), Cell::Integer(i64::MIN), Cell::Real(0.1)]);
            batch.push_row(&[Cell::Null, Cell::Blob(&[0, 255]), Cell::Text("")]);
            assert_eq!(batch.rows(), 2, "{round}");
            assert_eq!(batch.cell(0, 0), Cell::Text("ü"));
            assert_eq!(batch.cell(0, 1), Cell::Integer(i64::MIN));
            assert_eq!(batch.cell(1, 1), Cell::Blob(&[0, 255]));
            assert_eq!(batch.cell(1, 2), Cell::Text(""));
            assert_eq!(batch.cell(2, 0), Cell::Null);
        }
    }
}
