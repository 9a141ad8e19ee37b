//! What SQLite calls to read a table.
//!
//! One of the two files with `unsafe` code: the traits of virtual tables are unsafe because SQLite
//! casts pointers to their structs to pointers to its own. So each struct is `repr(C)` and begins
//! with SQLite's. A cursor owns its scan and its batch, so it may outlive the query that opened it.

#![allow(unsafe_code)]

use std::borrow::Cow;
use std::ffi::{CStr, CString, c_int};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::vtab::{
    Context, Filters, IndexConstraintOp, IndexInfo, Module, VTab, VTabConnection, VTabCursor,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error, Result};

use crate::batch::{Batch, Cell};
use crate::budget::Budget;
use crate::index::Index;
use crate::kept::Kept;
use crate::table::{Column, Scan, ScanError, Table};

/// A table, and who counts what is read of it.
#[derive(Clone)]
pub struct Shared {
    table: Arc<dyn Table>,
    budget: Arc<Budget>,
    /// Scans of this run.
    scans: Arc<AtomicU64>,
    /// The row at which the cursor stands that moved last.
    row: Arc<AtomicU64>,
    /// Where SQLite has the table, by which EXPLAIN names it.
    address: Arc<AtomicUsize>,
}

impl Shared {
    pub fn new(table: Arc<dyn Table>, budget: Arc<Budget>) -> Self {
        Shared {
            table,
            budget,
            scans: Arc::default(),
            row: Arc::default(),
            address: Arc::default(),
        }
    }

    /// The row at which the cursor stands that moved last.
    pub fn row(&self) -> u64 {
        self.row.load(Relaxed)
    }

    /// Where SQLite has the table, once a statement was compiled that names it.
    pub fn address(&self) -> usize {
        self.address.load(Relaxed)
    }

    /// A run begins.
    pub fn begin(&self) {
        self.scans.store(0, Relaxed);
    }

    /// Makes the table known to the connection, by its name.
    pub fn register(self, connection: &Connection) -> Result<()> {
        const MODULE: Module<VirtualTable> = Module::eponymous_only_module();
        let name = self.table.name().to_owned();
        connection.create_module(name.as_str(), &MODULE, Some(self))
    }

    /// What the caller hears of a failure; SQLite only hears that there is one.
    fn failed(&self, error: ScanError) -> Error {
        self.budget.fail(&*self.table, error);
        Error::ModuleError("a table cannot be read".to_owned())
    }
}

/// A table as SQLite has it.
#[repr(C)]
struct VirtualTable {
    base: sqlite3_vtab,
    shared: Shared,
}

// SAFETY: `repr(C)`, and the first field is SQLite's.
unsafe impl<'vtab> VTab<'vtab> for VirtualTable {
    type Aux = Shared;
    type Cursor = Cursor;

    fn connect(
        _: &mut VTabConnection,
        shared: Option<&Shared>,
        _: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> Result<(Cow<'static, CStr>, Self)> {
        let wrong = |what: &str| Error::ModuleError(what.to_owned());
        let shared = shared.ok_or_else(|| wrong("a table is registered with what it reads"))?;
        let declaration = CString::new(declaration(shared.table.columns()))?;
        let table = VirtualTable { base: sqlite3_vtab::default(), shared: shared.clone() };
        Ok((Cow::Owned(declaration), table))
    }

    /// SQLite tests all conditions itself. A column that is to equal one of another table is looked
    /// up. The costs have long tables read first, in their order, and short ones for each of their
    /// rows: so they rise faster than the number of rows.
    fn best_index(&self, info: &mut IndexInfo) -> Result<bool> {
        self.shared.address.store(std::ptr::from_ref(self).addr(), Relaxed);
        let rows = self.shared.table.rows().max(1);
        let cost = rows as f64 * (rows as f64).sqrt();
        let (mut rows, mut share) = (i64::try_from(rows).unwrap_or(i64::MAX), 1.0);
        if let Some((i, column)) = looked_up(info)? {
            info.constraint_usage(i).set_argv_index(1);
            info.set_idx_num(column + 1);
            (rows, share) = (rows / 10 + 1, 0.9);
        }
        info.set_estimated_rows(rows);
        info.set_estimated_cost(cost * share);
        Ok(true)
    }

    fn open(&'vtab mut self) -> Result<Cursor> {
        let batch = Batch::new(self.shared.table.columns().len());
        let (base, shared) = (sqlite3_vtab_cursor::default(), self.shared.clone());
        let (kept, scan, lookups) = (shared.table.kept(), None, Lookups::default());
        Ok(Cursor { base, shared, kept, scan, batch, row: 0, before: 0, lookups })
    }
}

/// One reading of a table.
#[repr(C)]
struct Cursor {
    base: sqlite3_vtab_cursor,
    shared: Shared,
    /// All rows, of a table that has them in memory; nothing is scanned then.
    kept: Option<Arc<Kept>>,
    scan: Option<Box<dyn Scan>>,
    batch: Batch,
    /// Place in the batch.
    row: usize,
    /// Rows of the batches before.
    before: usize,
    lookups: Lookups,
}

/// What a cursor has that is asked for the rows of one value after the other.
#[derive(Default)]
struct Lookups {
    /// Whether it was asked before. The first time all rows are given, for SQLite to choose from:
    /// it may be the only time, and then nothing needs to be kept.
    were_asked: bool,
    /// All rows that were read, and where those of a value are.
    index: Option<(Index, Batch)>,
    /// Places of the rows that were found.
    found: Option<Vec<usize>>,
}

impl Cursor {
    /// Begins to read the table.
    fn begin(&mut self) -> Result<()> {
        let Shared { table, budget, scans, .. } = &self.shared;
        if scans.fetch_add(1, Relaxed) >= table.scans_max() {
            budget.fail_scans(&**table);
            return Err(Error::ModuleError("a table is read too often".to_owned()));
        }
        self.scan = Some(table.scan().map_err(|error| self.shared.failed(error))?);
        self.batch.clear();
        self.before = 0;
        Ok(())
    }

    /// Takes the next batch; an empty one is the end.
    fn load(&mut self) -> Result<()> {
        self.before += self.batch.rows();
        self.row = 0;
        self.batch.clear();
        if let Some(scan) = &mut self.scan {
            scan.next(&mut self.batch).map_err(|error| self.shared.failed(error))?;
        }
        self.shared.budget.read(self.batch.rows());
        Ok(())
    }

    /// Finds the rows that may have that value in the column.
    fn look_up(&mut self, column: usize, value: Cell<'_>) -> Result<()> {
        if self.lookups.index.as_ref().is_none_or(|(index, _)| index.column != column) {
            self.lookups.index = Some(self.make_index(column)?);
        }
        let index = self.lookups.index.as_ref();
        let found = index.map_or(&[][..], |(index, _)| index.find(value));
        self.shared.budget.read(found.len());
        self.lookups.found = Some(found.to_vec());
        self.row = 0;
        Ok(())
    }

    /// Reads the whole table.
    fn make_index(&mut self, column: usize) -> Result<(Index, Batch)> {
        self.begin()?;
        let (mut index, mut all) = (Index::new(column), Batch::new(self.batch.width()));
        let Some(mut scan) = self.scan.take() else { return Ok((index, all)) };
        loop {
            let (rows, bytes) = (all.rows(), index.bytes() + all.bytes());
            scan.next(&mut all).map_err(|error| self.shared.failed(error))?;
            let more = all.rows() - rows;
            if more == 0 {
                return Ok((index, all));
            }
            index.key_new_rows(&all);
            self.shared.budget.read(more);
            if self.shared.budget.index((index.bytes() + all.bytes()).saturating_sub(bytes)) {
                return Err(Error::ModuleError("an index is too large".to_owned()));
            }
        }
    }

    /// Place of the current row in the table.
    fn place(&self) -> usize {
        let found = self.lookups.found.as_ref();
        let row = found.and_then(|found| found.get(self.row).copied());
        row.unwrap_or(self.before + self.row)
    }

    /// Says where it stands now.
    fn tell_row(&self) {
        self.shared.row.store(self.place() as u64, Relaxed);
    }

    /// The value of the current row.
    fn cell(&self, column: usize) -> Cell<'_> {
        if let Some(kept) = &self.kept {
            return kept.rows().cell(self.place(), column);
        }
        match (&self.lookups.found, &self.lookups.index) {
            (Some(found), Some((_, rows))) => {
                found.get(self.row).map_or(Cell::Null, |row| rows.cell(*row, column))
            }
            _ => self.batch.cell(self.row, column),
        }
    }
}

// SAFETY: `repr(C)`, and the first field is SQLite's.
unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, plan: c_int, _: Option<&str>, values: &Filters<'_>) -> Result<()> {
        self.lookups.found = None;
        let column = usize::try_from(plan).ok().and_then(|plan| plan.checked_sub(1));
        if let Some(kept) = &self.kept {
            if let Some(column) = column {
                let value: Value = values.get(0)?;
                self.lookups.found = Some(kept.find(column, cell_of(&value)).to_vec());
            }
            self.row = 0;
            self.tell_row();
            return Ok(());
        }
        if let Some(column) = column {
            if self.lookups.were_asked {
                let value: Value = values.get(0)?;
                self.look_up(column, cell_of(&value))?;
                self.tell_row();
                return Ok(());
            }
            self.lookups.were_asked = true;
        }
        self.begin()?;
        self.load()?;
        self.tell_row();
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.row += 1;
        let is_whole = self.lookups.found.is_some() || self.kept.is_some();
        let is_within = is_whole || self.row < self.batch.rows();
        if !is_within {
            self.load()?;
        }
        self.tell_row();
        Ok(())
    }

    fn eof(&self) -> bool {
        let all = self.kept.as_ref().map_or(&self.batch, |kept| kept.rows());
        self.row >= self.lookups.found.as_ref().map_or(all.rows(), Vec::len)
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        let value = match self.cell(column) {
            Cell::Null => ValueRef::Null,
            Cell::Integer(value) => ValueRef::Integer(value),
            Cell::Real(value) if value.is_nan() => {
                self.shared.budget.see_nan();
                ValueRef::Null
            }
            // A sort makes zero of negative zero: so does the way in, whatever the plan.
            Cell::Real(value) => ValueRef::Real(value + 0.0),
            Cell::Text(text) => ValueRef::Text(text.as_bytes()),
            Cell::Blob(bytes) => ValueRef::Blob(bytes),
        };
        context.set_result(ToSqlOutput::Borrowed(value))
    }

    /// The place of the row in the table, the same in every reading.
    fn rowid(&self) -> Result<i64> {
        Ok(i64::try_from(self.place()).unwrap_or(i64::MAX))
    }
}

/// The condition by which rows are looked up, and its column: that a column equals a value of
/// another table. What is compared with a constant is read once, and needs no index; of `IN`,
/// SQLite would compare with the whole list again.
fn looked_up(info: &mut IndexInfo) -> Result<Option<(usize, c_int)>> {
    let equalities: Vec<_> = (info.constraints().enumerate())
        .filter(|(_, it)| it.is_usable() && it.column() >= 0)
        .filter(|(_, it)| it.operator() == IndexConstraintOp::SQLITE_INDEX_CONSTRAINT_EQ)
        .map(|(i, it)| (i, it.column()))
        .collect();
    for (i, column) in equalities {
        let is_of_bytes = info.collation(i)? == "BINARY";
        if is_of_bytes && !info.is_in_constraint(i)? && info.rhs_value(i)?.is_none() {
            return Ok(Some((i, column)));
        }
    }
    Ok(None)
}

fn cell_of(value: &Value) -> Cell<'_> {
    match value {
        Value::Null => Cell::Null,
        Value::Integer(value) => Cell::Integer(*value),
        Value::Real(value) => Cell::Real(*value),
        Value::Text(text) => Cell::Text(text),
        Value::Blob(bytes) => Cell::Blob(bytes),
    }
}

fn declaration(columns: &[Column]) -> String {
    let mut text = String::from("CREATE TABLE x(");
    for (i, Column { name, kind, is_hidden }) in columns.iter().enumerate() {
        let comma = if i > 0 { ", " } else { "" };
        let hidden = if *is_hidden { " HIDDEN" } else { "" };
        let _ = write!(text, "{comma}\"{}\" {}{hidden}", name.replace('"', "\"\""), kind.word());
    }
    text + ")"
}
