//! The statement, by the engine that jobs have.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_sql::{Batch, Column, Engine, Function, Kept, Scan, ScanError, Settings, Table};

use super::case::Case;
use super::rows;

/// A compiled statement with its tables.
pub struct Statement {
    engine: Engine,
    sql: &'static str,
    rows: Arc<Mutex<Option<Batch>>>,
}

impl Statement {
    /// That of a case.
    pub fn new(case: Case) -> anyhow::Result<Self> {
        let rows: Arc<Mutex<Option<Batch>>> = Arc::default();
        let input = Input { columns: rows::columns(), rows: Arc::clone(&rows) };
        let mut tables: Vec<Arc<dyn Table>> = vec![Arc::new(input)];
        if case == Case::Join {
            let kept = Arc::new(Kept::new(rows::thresholds()));
            tables.push(Arc::new(Thresholds { columns: rows::columns_of_thresholds(), kept }));
        }
        let settings =
            Settings { memory_bytes: u64::MAX, functions: functions(case)?, ..Settings::default() };
        let engine = Engine::with(tables, settings)?;
        engine.prepare(case.sql())?;
        engine.check_row_by_row(case.sql(), 0)?;
        Ok(Statement { engine, sql: case.sql(), rows })
    }

    /// Appends the output rows of a batch.
    pub fn run(&self, batch: Batch, into: &mut Vec<u8>) -> anyhow::Result<()> {
        *self.rows.lock().unwrap_or_else(PoisonError::into_inner) = Some(batch);
        let mut query = self.engine.again(self.sql)?;
        let mut answer = query.run();
        while let Some(row) = answer.next()? {
            rows::write(row.cell(0)?, row.cell(1)?, row.cell(2)?, into);
        }
        Ok(())
    }
}

#[cfg(not(feature = "wasm"))]
fn functions(_: Case) -> anyhow::Result<Vec<Arc<dyn Function>>> {
    Ok(Vec::new())
}

/// The function of the case.
#[cfg(feature = "wasm")]
fn functions(case: Case) -> anyhow::Result<Vec<Arc<dyn Function>>> {
    use seismic_derived::{ColumnKind, FUNCTION_ENGINE, FunctionDefinition, limits, with_module};

    // (func (export "crest") (param f64 f64 f64) (result f64)
    //     (if (result f64) (f64.gt (local.get 2) (f64.const 1e-9))
    //         (then (f64.div (f64.sub (local.get 0) (local.get 1)) (local.get 2)))
    //         (else (f64.const 0))))
    const CREST: &[u8] = b"\0asm\x01\0\0\0\x01\x08\x01\x60\x03\x7c\x7c\x7c\x01\x7c\x03\x02\x01\0\
        \x07\x09\x01\x05crest\0\0\x0a\x25\x01\x23\0\x20\x02\x44\x95\xd6\x26\xe8\x0b\x2e\x11\x3e\x64\
        \x04\x7c\x20\0\x20\x01\xa1\x20\x02\xa3\x05\x44\0\0\0\0\0\0\0\0\x0b\x0b";
    if case != Case::Function {
        return Ok(Vec::new());
    }
    let definition = FunctionDefinition {
        name: "crest".to_owned(),
        engine: FUNCTION_ENGINE.to_owned(),
        sha256: String::new(),
        export: "crest".to_owned(),
        args: vec![ColumnKind::Real; 3],
        returns: ColumnKind::Real,
        fuel: limits::FUEL_OF_A_CALL,
        memory_bytes: limits::FUNCTION_MEMORY_BYTES_OF_A_CALL,
        is_operator: false,
    };
    Ok(vec![with_module(definition, CREST).map_err(anyhow::Error::msg)?])
}

/// The input: what a run reads, once.
struct Input {
    columns: Vec<Column>,
    rows: Arc<Mutex<Option<Batch>>>,
}

impl Table for Input {
    fn name(&self) -> &'static str {
        "rows"
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        10_000_000
    }

    fn scans_max(&self) -> u64 {
        1
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        Ok(Box::new(Once { rows: Arc::clone(&self.rows) }))
    }
}

struct Once {
    rows: Arc<Mutex<Option<Batch>>>,
}

impl Scan for Once {
    fn next(&mut self, into: &mut Batch) -> Result<(), ScanError> {
        if let Some(rows) = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take() {
            *into = rows;
        }
        Ok(())
    }
}

/// A table in memory.
struct Thresholds {
    columns: Vec<Column>,
    kept: Arc<Kept>,
}

impl Table for Thresholds {
    fn name(&self) -> &'static str {
        "threshold"
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        10_000
    }

    fn scans_max(&self) -> u64 {
        u64::MAX
    }

    fn kept(&self) -> Option<Arc<Kept>> {
        Some(Arc::clone(&self.kept))
    }

    fn scan(&self) -> Result<Box<dyn Scan>, ScanError> {
        Err("its rows are in memory".into())
    }
}
