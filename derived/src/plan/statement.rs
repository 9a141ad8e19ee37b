//! A compiled statement with its tables.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use seismic_sql::{
    Batch, Engine, Error, Function, Kept, Reading, Row, Settings, Table, expand, target,
};

use super::places::{check_output_name, places};
use super::tables::{InputTable, KeptTable};
use crate::definition::Definition;
use crate::definition::column::Column;
use crate::definition::dimension::{DimensionDefinition, Missing};
use crate::definition::fault::DefinitionFault;
use crate::definition::function::MacroDefinition;
use crate::function::module::Module;
use crate::function::slot::Slot;
use crate::input::columns;
use crate::limits;
use crate::output::answers::Answers;

/// Place of the input among the tables of the engine.
const INPUT: usize = 0;

/// A compiled statement.
pub struct StatementPlan {
    engine: Engine,
    /// The SELECT alone.
    select: String,
    input: Input,
    no_rows: Arc<Kept>,
    /// The rows of each table that things are looked up in.
    dimensions: Vec<Arc<Mutex<Arc<Kept>>>>,
    /// Its own functions.
    functions: Vec<Arc<Slot>>,
    /// For each column of the output, its place in the answer.
    columns: Vec<(Column, usize)>,
    /// The column that is the key.
    key: Option<usize>,
}

/// The rows that the next run reads.
enum Input {
    /// Each is looked at alone.
    Rows(Arc<Mutex<Option<Batch>>>),
    /// They are a window.
    Window(Arc<Mutex<Arc<Kept>>>),
}

impl StatementPlan {
    /// Compiles the statement of a definition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn new(definition: &Definition) -> Result<StatementPlan, DefinitionFault> {
        let refused = |error: Error| DefinitionFault::new("sql", error.to_string());
        let head = target(&definition.sql).map_err(refused)?;
        check_output_name(&head, &definition.output)?;
        let (columns, name) = (columns(definition), definition.table().to_owned());
        let width = columns.len();
        let (input, input_table): (_, Arc<dyn Table>) = match definition.window() {
            None => {
                let rows = Arc::new(Mutex::new(None));
                let table = InputTable { name, columns, rows: Arc::clone(&rows) };
                (Input::Rows(rows), Arc::new(table))
            }
            Some(_) => {
                let table = KeptTable::of_window(name, columns);
                (Input::Window(Arc::clone(&table.rows)), Arc::new(table))
            }
        };
        let functions: Vec<_> =
            definition.functions.iter().cloned().map(|it| Arc::new(Slot::new(it))).collect();
        let own = functions.iter().map(|it| Arc::clone(it) as Arc<dyn Function>).collect();
        let mut settings = Settings { functions: own, ..Settings::default() };
        if let Input::Rows(_) = input {
            // A row-by-row statement keeps nothing, and the heap that could be measured is that of the
            // whole process: it must decide nothing.
            settings.memory_bytes = u64::MAX;
        }
        let mut tables = vec![input_table];
        let mut dimensions = Vec::new();
        for table in &definition.dimensions {
            let table = KeptTable::of_dimension(table);
            dimensions.push(Arc::clone(&table.rows));
            tables.push(Arc::new(table));
        }
        let macros: Vec<_> = definition.macros.iter().map(MacroDefinition::of_sql).collect();
        let select = expand(&head.select, &macros).map_err(refused)?;
        let refused_there = |error: Error| refused(select.error(error));
        let engine = Engine::with(tables, settings).map_err(refused)?;
        let answer = engine.prepare(&select.sql).map_err(refused_there)?.columns().to_vec();
        match input {
            Input::Rows(_) => engine.check_row_by_row(&select.sql, INPUT).map_err(refused_there)?,
            Input::Window(_) => check_window(&engine, &select.sql, definition.table())?,
        }
        for (place, table) in (INPUT + 1..).zip(&definition.dimensions) {
            let reading = engine.reading(&select.sql, place).map_err(refused_there)?;
            check_reading(table, reading)?;
        }
        let places = places(&head, &definition.output, &answer)?;
        let columns: Vec<_> = definition.output.columns.iter().cloned().zip(places).collect();
        let is_key = |name: &String| columns.iter().position(|(column, _)| column.name == *name);
        let key = definition.output.key.as_ref().and_then(is_key);
        let no_rows = Arc::new(Kept::new(Batch::new(width)));
        let select = select.sql;
        Ok(StatementPlan { engine, select, input, no_rows, dimensions, functions, columns, key })
    }

    /// From here on things are looked up in these rows of the table at that place.
    pub fn set_dimension(&self, place: usize, rows: &Arc<Kept>) {
        if let Some(dimension) = self.dimensions.get(place) {
            *dimension.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(rows);
        }
    }

    /// From here on calls of the function at that place are calls of this module.
    pub fn set_function(&self, place: usize, module: Arc<Module>) {
        if let Some(slot) = self.functions.get(place) {
            slot.put(module);
        }
    }

    /// Runs the statement over `rows`, which it takes, and appends what it gives to `into`, as that
    /// of the rows from the `first`-th on.
    ///
    /// # Errors
    /// When it fails for one of the rows, or cannot be run; `into` is as it was.
    pub fn run(&self, rows: Batch, first: usize, into: &mut Answers) -> Result<(), Error> {
        let before = into.mark();
        let ran = self.try_run(rows, first, into);
        if ran.is_err() {
            into.cut_to(before);
        }
        // SQLite may read another table first.
        into.sort_behind(before);
        ran
    }

    fn try_run(&self, rows: Batch, first: usize, into: &mut Answers) -> Result<(), Error> {
        let Input::Rows(input) = &self.input else { return Ok(()) };
        *input.lock().unwrap_or_else(PoisonError::into_inner) = Some(rows);
        let mut query = self.engine.again(&self.select)?;
        let mut answer = query.run();
        while let Some(row) = answer.next()? {
            let place = first + usize::try_from(row.place(INPUT)).unwrap_or(usize::MAX);
            self.collect(place, &row, into)?;
        }
        Ok(())
    }

    /// Runs the statement over a window, and puts what it gives into `into`, which is empty.
    ///
    /// # Errors
    /// When it fails, or cannot be run.
    pub fn run_window(&self, rows: &Arc<Kept>, into: &mut Answers) -> Result<(), Error> {
        let Input::Window(input) = &self.input else { return Ok(()) };
        let put = |rows: Arc<Kept>| {
            *input.lock().unwrap_or_else(PoisonError::into_inner) = rows;
        };
        put(Arc::clone(rows));
        let ran = self.run_over_all(into);
        // Its memory is free before the next window is filled.
        put(Arc::clone(&self.no_rows));
        ran
    }

    fn run_over_all(&self, into: &mut Answers) -> Result<(), Error> {
        let mut query = self.engine.again(&self.select)?;
        let mut answer = query.run();
        while let Some(row) = answer.next()? {
            self.collect(0, &row, into)?;
            let rows = into.all().len();
            if rows > limits::WINDOW_ANSWERS || into.bytes() > limits::WINDOW_ANSWER_BYTES {
                let (most, mib) = (limits::WINDOW_ANSWERS, limits::WINDOW_ANSWER_BYTES >> 20);
                let what = format!("it gives more than {most} rows or {mib} MiB for one window");
                return Err(Error::Failed { what, rows: rows as u64 });
            }
        }
        Ok(())
    }

    fn collect(&self, row_place: usize, row: &Row<'_>, into: &mut Answers) -> Result<(), Error> {
        for (column, place) in &self.columns {
            into.push(column, row.cell(*place)?);
        }
        if let Some((column, place)) = self.key.and_then(|key| self.columns.get(key)) {
            into.push_key(column, row.cell(*place)?);
        }
        into.end_row(row_place);
        Ok(())
    }

    /// Whether messages of the output have a key of their own.
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

impl fmt::Debug for StatementPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementPlan").field("select", &self.select).finish_non_exhaustive()
    }
}

/// Whether a statement reads its window.
fn check_window(engine: &Engine, sql: &str, name: &str) -> Result<(), DefinitionFault> {
    let why = match engine.reading(sql, INPUT) {
        Ok(Reading::Not) => format!("the statement does not read {name}, whose windows it is of"),
        Ok(_) => return Ok(()),
        Err(error) => error.to_string(),
    };
    Err(DefinitionFault::new("sql", why))
}

/// Whether a statement reads a table in a way that fits what becomes of rows that find nothing.
fn check_reading(table: &DimensionDefinition, reading: Reading) -> Result<(), DefinitionFault> {
    let name = &table.name;
    let why = match (reading, table.missing) {
        (Reading::Not, _) => {
            format!("{name}: the statement does not read it: join it, or leave the table out")
        }
        (Reading::Inner, Missing::Null) => format!(
            "{name}: missing = \"null\" is for a statement with LEFT JOIN {name} ON …, which gives \
             NULLs, and this one gives no row: write LEFT JOIN, without a condition in WHERE that \
             NULLs do not meet, or missing = \"drop\""
        ),
        _ => return Ok(()),
    };
    Err(DefinitionFault::new("dimension", why))
}
