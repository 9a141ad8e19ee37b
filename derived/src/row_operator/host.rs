//! What a module at work has before it: one row or the rows of a window, tables, the row that it makes,
//! and what it has made.

use std::fmt::Write as _;
use std::sync::Arc;

use seismic_sql::{Cell, Kept};
use wasmi::StoreLimits;

use super::shape::{Shape, Source};
use crate::definition::column::ColumnKind;
use crate::dimension::key;
use crate::dimension::rows::Value;
use crate::function::undo::Undo;
use crate::limits;
use crate::output::answers::Answers;

/// Place of the row among the sources.
const ROW: usize = 0;

/// How much may be made for a record or a window.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub rows: usize,
    pub bytes: usize,
}

/// For one record.
pub const OF_RECORD: Room = Room { rows: limits::OPERATOR_ROWS, bytes: limits::OPERATOR_ROW_BYTES };

/// For a window.
pub const OF_WINDOW: Room =
    Room { rows: limits::WINDOW_ANSWERS, bytes: limits::WINDOW_ANSWER_BYTES };

/// What a module has before it.
pub struct Host {
    pub bounds: StoreLimits,
    shape: Arc<Shape>,
    rows: Arc<Kept>,
    tables: Vec<Arc<Kept>>,
    /// The row; `None` behind those of a window.
    row: Option<usize>,
    /// Rows of each table that were found for it, and which of them is read.
    found: Vec<(Vec<usize>, usize)>,
    /// The row that is made.
    made: Vec<Value>,
    answers: Answers,
    /// Which row of the input they are made of.
    of_row: usize,
    room: Room,
    before: (usize, usize),
    /// Lines to log, as many as may be.
    pub lines: Vec<String>,
    pub may_log: bool,
    /// What was written into the memory of the module for a row; `None` where that has an instance of
    /// its own.
    pub undo: Option<Undo>,
}

impl Host {
    /// Before the first row. What is made is behind `answers`.
    pub fn new(
        bounds: StoreLimits,
        shape: &Arc<Shape>,
        (rows, tables): (Arc<Kept>, Vec<Arc<Kept>>),
        answers: Answers,
        room: Room,
    ) -> Self {
        Host {
            bounds,
            found: tables.iter().map(|_| (Vec::new(), 0)).collect(),
            made: vec![Value::Null; shape.output.len()],
            shape: Arc::clone(shape),
            rows,
            tables,
            row: None,
            before: answers.mark(),
            answers,
            of_row: 0,
            room,
            lines: Vec::new(),
            may_log: false,
            undo: None,
        }
    }

    /// Goes to a row, or behind the last one; rows that it makes are of the row `of_row`.
    pub fn go_to_row(&mut self, row: Option<usize>, of_row: usize) {
        self.row = row;
        self.of_row = of_row;
        self.found.iter_mut().for_each(|found| *found = (Vec::new(), 0));
        self.made.fill(Value::Null);
    }

    /// From here on there is room for another record.
    pub fn begin_record(&mut self) {
        self.before = self.answers.mark();
    }

    /// What was made.
    pub fn into_answers(self) -> Answers {
        self.answers
    }

    /// The rows of a source, and the one of them that is read.
    fn source(&self, source: i32) -> Result<(&Source, &Arc<Kept>, usize), String> {
        let place = usize::try_from(source).ok().filter(|it| *it < self.shape.sources.len());
        let place = place.ok_or_else(|| {
            let names: Vec<_> = self.shape.sources.iter().map(|it| &*it.name).collect();
            format!("there is no source {source}: from 0 on they are {}", names.join(", "))
        })?;
        let of = &self.shape.sources[place];
        if place == ROW {
            let row = self.row.ok_or("behind the rows of a window there is no row to read")?;
            return Ok((of, &self.rows, row));
        }
        let (found, at) = &self.found[place - 1];
        let row = found.get(*at).copied();
        let row = row.ok_or_else(|| format!("no row of {} was found: ask find first", of.name))?;
        Ok((of, &self.tables[place - 1], row))
    }

    /// A cell: the rows that have it, its place there, and what its column is.
    pub fn cell(&self, source: i32, column: i32) -> Result<Place<'_>, String> {
        let (of, rows, row) = self.source(source)?;
        let place = usize::try_from(column).ok().filter(|it| *it < of.columns.len());
        let place = place.ok_or_else(|| {
            let names: Vec<_> = of.columns.iter().map(|it| &*it.0).collect();
            let (name, names) = (&of.name, names.join(", "));
            format!("{name} has no column {column}: from 0 on they are {names}")
        })?;
        let (name, kind) = &of.columns[place];
        Ok(Place { rows, row, place, name, kind: *kind })
    }

    /// Finds the rows of a table for the row, and says how many there are.
    pub fn find(&mut self, table: i32) -> Result<i32, String> {
        let place = usize::try_from(table).ok().filter(|it| (1..=self.tables.len()).contains(it));
        let place = place.ok_or_else(|| {
            format!("there is no table {table}: from 1 on, there are {}", self.tables.len())
        })?;
        let row = self.row.ok_or("behind the rows of a window there is no row to find for")?;
        let (on, kept) = (&self.shape.sources[place].on, &self.tables[place - 1]);
        let key_of = |rows: &Kept, row: usize, of: &dyn Fn(&(usize, usize)) -> usize| {
            let mut bytes = Vec::new();
            let mut push = |it| key::push(rows.rows().cell(row, of(it)), &mut bytes);
            on.iter().all(&mut push).then_some(bytes)
        };
        let mut found = Vec::new();
        if let (Some(wanted), Some((column, of_row))) =
            (key_of(&self.rows, row, &|it| it.1), on.first())
        {
            let may_be = kept.find(*column, self.rows.rows().cell(row, *of_row));
            let is_found = |it: &&usize| key_of(kept, **it, &|it| it.0).as_ref() == Some(&wanted);
            found.extend(may_be.iter().filter(is_found).copied());
        }
        let count = found.len() as i32;
        self.found[place - 1] = (found, 0);
        Ok(count)
    }

    /// Reads another one of the rows that were found.
    pub fn go_to(&mut self, table: i32, number: i32) -> Result<(), String> {
        let found =
            usize::try_from(table).ok().and_then(|it| self.found.get_mut(it.wrapping_sub(1)));
        let found = found.ok_or_else(|| format!("there is no table {table}"))?;
        match usize::try_from(number) {
            Ok(number) if number < found.0.len() => found.1 = number,
            _ => return Err(format!("{} rows were found, and none is {number}", found.0.len())),
        }
        Ok(())
    }

    /// Sets a column of the row that is made.
    pub fn set(&mut self, column: i32, value: Value) -> Result<(), String> {
        let place = usize::try_from(column).ok().and_then(|it| self.made.get_mut(it));
        let names = || self.shape.output.iter().map(|it| &*it.name).collect::<Vec<_>>().join(", ");
        match place {
            Some(place) => *place = value,
            None => {
                let names = names();
                return Err(format!(
                    "the output has no column {column}: from 0 on they are {names}"
                ));
            }
        }
        Ok(())
    }

    /// Writes the row that is made, and begins another one. Gives its bytes.
    pub fn emit(&mut self) -> Result<usize, String> {
        let Host { shape, made, answers, of_row, room, before, .. } = self;
        let from = answers.bytes();
        for (column, value) in shape.output.iter().zip(&*made) {
            answers.push(column, value.cell());
        }
        if let Some((column, value)) =
            shape.key.and_then(|key| shape.output.get(key).zip(made.get(key)))
        {
            answers.push_key(column, value.cell());
        }
        answers.end_row(*of_row);
        made.fill(Value::Null);
        let (rows, bytes) = (answers.all().len() - before.0, answers.bytes() - before.1);
        if rows > room.rows || bytes > room.bytes {
            let Room { rows, bytes } = room;
            return Err(format!("it gives more than {rows} rows or {} MiB at once", *bytes >> 20));
        }
        Ok(answers.bytes() - from)
    }

    /// The parameter of a name.
    pub fn param(&self, name: &str) -> Result<&crate::definition::row_operator::Param, String> {
        self.shape.params.get(name).ok_or_else(|| {
            let known = self.shape.params.keys().map(String::as_str);
            let near = seismic_sql::nearest(name, known);
            let near = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
            format!("there is no parameter {name}{near}")
        })
    }

    /// Whether there is one.
    pub fn has_param(&self, name: &str) -> bool {
        self.shape.params.contains_key(name)
    }

    /// Keeps a line for the log.
    pub fn log(&mut self, text: &str) {
        if !self.may_log || self.lines.len() >= limits::OPERATOR_LOG_LINES {
            return;
        }
        let mut line = String::new();
        for letter in text[..text.floor_char_boundary(limits::OPERATOR_LOG_BYTES)].chars() {
            match letter.is_control() {
                true => write!(line, "{}", letter.escape_default()).unwrap_or_default(),
                false => line.push(letter),
            }
        }
        self.lines.push(line);
    }
}

/// Where a cell is.
pub struct Place<'a> {
    rows: &'a Arc<Kept>,
    row: usize,
    place: usize,
    name: &'a str,
    kind: ColumnKind,
}

impl Place<'_> {
    /// The rows that have it.
    pub fn rows(&self) -> Arc<Kept> {
        Arc::clone(self.rows)
    }

    /// Row and column.
    pub fn at(&self) -> (usize, usize) {
        (self.row, self.place)
    }

    /// Itself. NaN is NULL, and negative zero is zero, as for statements.
    pub fn value(&self) -> Cell<'_> {
        match self.rows.rows().cell(self.row, self.place) {
            Cell::Real(value) if value.is_nan() => Cell::Null,
            Cell::Real(value) => Cell::Real(value + 0.0),
            cell => cell,
        }
    }

    /// Why it is not of that type.
    pub fn is_no(&self, kind: ColumnKind) -> String {
        let Place { name, kind: own, .. } = self;
        match self.kind == kind {
            true => format!("{name} is NULL: ask is_null first"),
            false => format!("{name} is {own}, and is read as {kind}"),
        }
    }
}
