//! Tables in memory for these tests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use seismic_sql::{Batch, Cell, Column, Engine, Kind, Result, Scan, ScanError, Settings, Table};

/// A value that a test writes or expects.
#[derive(Clone, Debug, PartialEq)]
pub enum Val {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<i64> for Val {
    fn from(value: i64) -> Val {
        Val::Int(value)
    }
}

impl From<f64> for Val {
    fn from(value: f64) -> Val {
        Val::Real(value)
    }
}

impl From<&str> for Val {
    fn from(value: &str) -> Val {
        Val::Text(value.to_owned())
    }
}

impl Val {
    fn cell(&self) -> Cell<'_> {
        match self {
            Val::Null => Cell::Null,
            Val::Int(value) => Cell::Integer(*value),
            Val::Real(value) => Cell::Real(*value),
            Val::Text(text) => Cell::Text(text),
            Val::Blob(bytes) => Cell::Blob(bytes),
        }
    }

    fn of(cell: Cell<'_>) -> Val {
        match cell {
            Cell::Null => Val::Null,
            Cell::Integer(value) => Val::Int(value),
            Cell::Real(value) => Val::Real(value),
            Cell::Text(text) => Val::Text(text.to_owned()),
            Cell::Blob(bytes) => Val::Blob(bytes.to_vec()),
        }
    }
}

/// A list of rows, or rows without end.
#[derive(Clone)]
pub struct List {
    pub name: &'static str,
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Val>>,
    /// Begins again at its end.
    pub is_endless: bool,
    pub batch: usize,
    /// Fails or stops behind so many batches.
    pub fails_after: Option<u64>,
    pub stops_after: Option<(u64, Arc<AtomicBool>)>,
    pub batches: Arc<AtomicU64>,
}

impl List {
    pub fn new(name: &'static str, columns: &[(&str, Kind)], rows: Vec<Vec<Val>>) -> List {
        let columns = columns.iter().map(|(name, kind)| Column::new(*name, *kind)).collect();
        List {
            name,
            columns,
            rows,
            is_endless: false,
            batch: 2,
            fails_after: None,
            stops_after: None,
            batches: Arc::default(),
        }
    }
}

impl Table for List {
    fn name(&self) -> &str {
        self.name
    }

    fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn rows(&self) -> u64 {
        if self.is_endless { 1_000_000 } else { self.rows.len() as u64 }
    }

    fn scans_max(&self) -> u64 {
        8
    }

    fn scan(&self) -> std::result::Result<Box<dyn Scan>, ScanError> {
        Ok(Box::new(ListScan { list: self.clone(), at: 0 }))
    }
}

struct ListScan {
    list: List,
    at: usize,
}

impl Scan for ListScan {
    fn next(&mut self, into: &mut Batch) -> std::result::Result<(), ScanError> {
        let batch = self.list.batches.fetch_add(1, Relaxed);
        if self.list.fails_after == Some(batch) {
            return Err("the disk is gone".into());
        }
        if let Some((after, stop)) = &self.list.stops_after
            && batch >= *after
        {
            stop.store(true, Relaxed);
        }
        for _ in 0..self.list.batch {
            if self.at == self.list.rows.len() && self.list.is_endless {
                self.at = 0;
            }
            let Some(row) = self.list.rows.get(self.at) else { break };
            into.push_row(&row.iter().map(Val::cell).collect::<Vec<_>>());
            self.at += 1;
        }
        Ok(())
    }
}

/// Windows of two sensors, and one without an amplitude.
pub fn input() -> List {
    let columns = [
        ("sensor_id", Kind::Text),
        ("window_start_ts", Kind::Integer),
        ("max_amplitude", Kind::Real),
        ("record_count", Kind::Integer),
    ];
    let row = |sensor: &str, at: i64, max: Val, count: i64| {
        vec![Val::from(sensor), at.into(), max, count.into()]
    };
    let rows = vec![
        row("S1", 0, Val::Real(1.5), 10),
        row("S2", 0, Val::Real(-2.0), 9),
        row("S1", 1000, Val::Real(0.1f32.into()), 8),
        row("S3", 1000, Val::Null, 0),
        row("S2", 2000, Val::Real(4.0), 3),
    ];
    let mut list = List::new("input", &columns, rows);
    list.columns.push(Column::new("_offset", Kind::Integer).hidden());
    for (offset, row) in list.rows.iter_mut().enumerate() {
        row.push(Val::Int(offset as i64));
    }
    list
}

/// A threshold for each sensor but one.
pub fn threshold() -> List {
    let columns = [("sensor_id", Kind::Text), ("threshold", Kind::Real)];
    let rows = vec![vec!["S1".into(), 1.0.into()], vec!["S2".into(), 3.0.into()]];
    List::new("threshold", &columns, rows)
}

pub fn engine(lists: Vec<List>) -> Engine {
    engine_with(lists, Settings::default())
}

pub fn engine_with(lists: Vec<List>, settings: Settings) -> Engine {
    let tables = lists.into_iter().map(|list| Arc::new(list) as Arc<dyn Table>).collect();
    Engine::with(tables, settings).unwrap()
}

/// All rows of the answer, or why there are none.
pub fn ask(engine: &Engine, sql: &str) -> Result<Vec<Vec<Val>>> {
    let mut query = engine.prepare(sql)?;
    let mut rows = query.run();
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let cells = (0..row.len()).map(|i| row.cell(i).map(Val::of));
        all.push(cells.collect::<Result<Vec<_>>>()?);
    }
    Ok(all)
}

/// The only value of an answer.
pub fn value(sql: &str) -> Val {
    let mut rows = ask(&engine(vec![input(), threshold()]), sql).unwrap();
    assert_eq!((rows.len(), rows[0].len()), (1, 1), "{sql}: {rows:?}");
    rows.remove(0).remove(0)
}

/// Why the statement gives no answer.
pub fn refusal(sql: &str) -> String {
    match ask(&engine(vec![input(), threshold()]), sql) {
        Ok(rows) => panic!("{sql} is answered: {rows:?}"),
        Err(error) => error.to_string(),
    }
}
