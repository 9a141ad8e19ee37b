//! The tables that the engine of a statement has.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_sql::{Batch, Kept, Scan, ScanError, Table};

use crate::definition::column::Column;
use crate::definition::dimension::DimensionDefinition;

/// What an input is taken for: many rows, so that it is read first and its order kept.
const INPUT_ROWS: u64 = 10_000_000;

/// What a table that things are looked up in is taken for.
const DIMENSION_ROWS: u64 = 10_000;

/// The input as a table: the rows that are there now.
pub struct InputTable {
    pub name: String,
    pub columns: Vec<seismic_sql::Column>,
    pub rows: Arc<Mutex<Option<Batch>>>,
}

impl Table for InputTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> &[seismic_sql::Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        INPUT_ROWS
    }

    fn scans_max(&self) -> u64 {
        1
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        Ok(Box::new(InputScan { rows: Arc::clone(&self.rows) }))
    }
}

/// A table whose rows are in memory as a whole: one that things are looked up in, or a window.
pub struct KeptTable {
    name: String,
    columns: Vec<seismic_sql::Column>,
    pub rows: Arc<Mutex<Arc<Kept>>>,
    /// How many rows it is taken for, whatever it has: how a statement is run must not depend on that.
    taken_for: u64,
}

impl KeptTable {
    /// Without rows.
    pub fn of_dimension(table: &DimensionDefinition) -> Self {
        let of =
            |column: &Column| seismic_sql::Column::new(column.name.clone(), column.kind.of_sql());
        let columns = table.columns.iter().map(of).collect();
        KeptTable::new(table.name.clone(), columns, DIMENSION_ROWS)
    }

    /// A window of the input, without rows.
    pub fn of_window(name: String, columns: Vec<seismic_sql::Column>) -> Self {
        KeptTable::new(name, columns, INPUT_ROWS)
    }

    fn new(name: String, columns: Vec<seismic_sql::Column>, taken_for: u64) -> Self {
        let rows = Arc::new(Kept::new(Batch::new(columns.len())));
        KeptTable { name, columns, rows: Arc::new(Mutex::new(rows)), taken_for }
    }
}

impl Table for KeptTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn columns(&self) -> &[seismic_sql::Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        self.taken_for
    }

    fn scans_max(&self) -> u64 {
        u64::MAX
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        Some(Arc::clone(&self.rows.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        Err("its rows are in memory".into())
    }
}

/// Gives them once.
struct InputScan {
    rows: Arc<Mutex<Option<Batch>>>,
}

impl Scan for InputScan {
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError> {
        if let Some(rows) = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take() {
            *into = rows;
        }
        Ok(())
    }
}
