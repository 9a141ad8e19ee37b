//! The results of a bench: one table for each part, as plain figures. [`super::render`] formats
//! them.

use serde::Serialize;

/// Everything that one run of the bench found.
pub struct Report {
    pub machine: Machine,
    /// The queue that was measured.
    pub queue: String,
    /// `full`, `quick` or another name of what was measured.
    pub size: &'static str,
    pub tables: Vec<Table>,
}

/// Where it was measured.
#[derive(Serialize)]
pub struct Machine {
    pub system: String,
    pub cpu: String,
    pub cores: usize,
    pub memory_mb: Option<u64>,
    /// Processes that wanted to run in the minute before, as the system counts them.
    pub load_before: Option<f64>,
}

/// One part's figures.
pub struct Table {
    /// Name of the part, as the command line has it.
    pub part: &'static str,
    /// What was measured, in a sentence.
    pub about: String,
    pub columns: &'static [Column],
    /// Each with a cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// What the cells below it are.
pub struct Column {
    /// For programs, unit last.
    pub name: &'static str,
    /// For people, unit included.
    pub title: &'static str,
    /// Decimals that a person is shown.
    pub decimals: usize,
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    Number(f64),
    Word(&'static str),
    /// This machine does not tell.
    Unknown,
}

impl Table {
    /// A table without rows yet.
    pub fn new(part: &'static str, about: impl Into<String>, columns: &'static [Column]) -> Self {
        Table { part, about: about.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has not one cell per column.
    pub fn push(&mut self, row: impl Into<Vec<Cell>>) {
        let row = row.into();
        assert_eq!(row.len(), self.columns.len(), "one cell per column");
        self.rows.push(row);
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Cell::Number(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Cell::Number(number as f64)
    }
}

impl From<u32> for Cell {
    fn from(number: u32) -> Self {
        Cell::Number(f64::from(number))
    }
}

impl From<usize> for Cell {
    fn from(number: usize) -> Self {
        Cell::Number(number as f64)
    }
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(figure: Option<T>) -> Self {
        figure.map_or(Cell::Unknown, Into::into)
    }
}

/// The middle one of some figures, the upper of the two middle ones of an even number.
///
/// # Panics
/// When there is none.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_in_order_of_size() {
        assert_eq!(median(vec![9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(vec![2.0, 1.0]), 2.0);
        assert_eq!(median(vec![7.0]), 7.0);
    }
}
