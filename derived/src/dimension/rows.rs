//! Rows of a table as they were read, typed as its columns are.

use std::cmp::Ordering;

use seismic_sql::Cell;

use crate::definition::column::{Column, ColumnKind};

/// A value that was read.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is none.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// Text.
    Text(String),
}

/// One row, with a value for each column.
pub type TableRow = Vec<Value>;

impl Value {
    /// The same for SQL.
    pub fn cell(&self) -> Cell<'_> {
        match self {
            Value::Null => Cell::Null,
            Value::Integer(value) => Cell::Integer(*value),
            Value::Real(value) => Cell::Real(*value),
            Value::Text(text) => Cell::Text(text),
        }
    }

    /// The value as that of a column: an integer is a real number if it is one exactly, and nothing
    /// else is cast.
    ///
    /// # Errors
    /// What it is instead.
    pub fn of_column(self, column: &Column) -> Result<Value, String> {
        let wrong = |what: &str| {
            let Column { name, kind } = column;
            Err(format!("{name} is to be {kind}, and is {what}"))
        };
        match (column.kind, self) {
            (_, Value::Null) => Ok(Value::Null),
            (ColumnKind::Int, Value::Integer(value)) => Ok(Value::Integer(value)),
            (ColumnKind::Text, Value::Text(text)) => Ok(Value::Text(text)),
            (ColumnKind::Real, Value::Real(value)) if !value.is_finite() => {
                wrong("no finite number")
            }
            (ColumnKind::Real, Value::Real(value)) => Ok(Value::Real(value + 0.0)),
            (ColumnKind::Real, Value::Integer(value)) => match value as f64 {
                real if real as i128 == i128::from(value) => Ok(Value::Real(real)),
                _ => wrong(&format!("the integer {value}, which no real number is exactly")),
            },
            (_, Value::Text(text)) => {
                wrong(&format!("the text {:?}", text.chars().take(40).collect::<String>()))
            }
            (_, Value::Integer(value)) => wrong(&format!("the number {value}")),
            (_, Value::Real(value)) => wrong(&format!("the number {value}")),
        }
    }

    /// The value that a text stands for in a column, as in a file of text.
    ///
    /// # Errors
    /// What it is instead.
    pub fn parse(text: &str, column: &Column) -> Result<Value, String> {
        let trimmed = text.trim();
        match column.kind {
            ColumnKind::Text => Ok(Value::Text(text.to_owned())),
            _ if trimmed.is_empty() => Ok(Value::Null),
            ColumnKind::Int => match trimmed.parse() {
                Ok(value) => Ok(Value::Integer(value)),
                Err(_) => Value::Text(trimmed.to_owned()).of_column(column),
            },
            ColumnKind::Real => match trimmed.parse() {
                Ok(value) => Value::Real(value).of_column(column),
                Err(_) => Value::Text(trimmed.to_owned()).of_column(column),
            },
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Value::Null => 0,
            Value::Integer(_) => 1,
            Value::Real(_) => 2,
            Value::Text(_) => 3,
        }
    }

    /// The order in which a table has its rows.
    pub fn compare(&self, other: &Value) -> Ordering {
        match (self, other) {
            (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
            (Value::Real(a), Value::Real(b)) => a.total_cmp(b),
            (Value::Text(a), Value::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}
