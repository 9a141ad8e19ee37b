//! The rows of a table that is in memory as a whole. Engines share them, and the indexes by which
//! they are looked up, each of which is made when a statement first needs it.

use std::sync::OnceLock;

use crate::batch::{Batch, Cell};
use crate::index::Index;

/// Rows in memory.
#[derive(Debug)]
pub struct Kept {
    rows: Batch,
    /// One for each column.
    indexes: Vec<OnceLock<Index>>,
}

impl Kept {
    /// These rows.
    #[must_use]
    pub fn new(rows: Batch) -> Self {
        let indexes = (0..rows.width()).map(|_| OnceLock::new()).collect();
        Kept { rows, indexes }
    }

    /// All of them.
    #[must_use]
    pub fn rows(&self) -> &Batch {
        &self.rows
    }

    /// Places of the rows that may have that value in a column: all that have it, and perhaps some more.
    #[must_use]
    pub fn find(&self, column: usize, value: Cell<'_>) -> &[usize] {
        let Some(index) = self.indexes.get(column) else { return &[] };
        let index = index.get_or_init(|| {
            let mut index = Index::new(column);
            index.key_new_rows(&self.rows);
            index
        });
        index.find(value)
    }
}
