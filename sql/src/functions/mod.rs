//! Functions of our own, beside those of SQLite that are allowed.
//!
//! Each is a pure function of its arguments and gives the same bits on every machine: what is
//! transcendental comes from `libm`, in Rust. NULL in gives NULL out, and so does a number for which
//! the function has no value (`sqrt(-1)`), as in SQLite. Another type than a number is an error:
//! `'4'` is no number by accident.

mod geography;
mod intensity;
mod math;
mod names;
mod time;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};

/// The answer of a function: a value of its own, or why there is none.
type Answer = std::result::Result<Value, String>;

/// One function.
struct Function {
    name: &'static str,
    /// How many it takes.
    arguments: usize,
    call: fn(&[ValueRef<'_>]) -> Answer,
}

/// All of them.
fn all() -> impl Iterator<Item = &'static Function> {
    let parts = [
        &math::FUNCTIONS[..],
        &geography::FUNCTIONS,
        &intensity::FUNCTIONS,
        &names::FUNCTIONS,
        &time::FUNCTIONS,
    ];
    parts.into_iter().flatten()
}

/// Their names.
pub fn names() -> impl Iterator<Item = &'static str> {
    all().map(|function| function.name)
}

/// Makes them known to the connection.
pub fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for function in all() {
        let arguments = i32::try_from(function.arguments).unwrap_or(-1);
        connection.create_scalar_function(function.name, arguments, flags, |context| {
            call(function, context).map(ToSqlOutput::Owned)
        })?;
    }
    Ok(())
}

fn call(function: &Function, context: &Context<'_>) -> Result<Value> {
    let mut arguments = [ValueRef::Null; 4];
    for (i, argument) in arguments.iter_mut().enumerate().take(context.len()) {
        *argument = context.get_raw(i);
    }
    let arguments = &arguments[..context.len().min(arguments.len())];
    if arguments.iter().any(|argument| matches!(argument, ValueRef::Null)) {
        return Ok(Value::Null);
    }
    (function.call)(arguments)
        .map_err(|why| Error::UserFunctionError(format!("{}: {why}", function.name).into()))
}

/// An argument that is to be a number.
fn number(argument: ValueRef<'_>) -> std::result::Result<f64, String> {
    match argument {
        ValueRef::Integer(value) => Ok(value as f64),
        ValueRef::Real(value) => Ok(value),
        ValueRef::Text(text) => {
            Err(format!("{:?} is text, not a number", String::from_utf8_lossy(text)))
        }
        ValueRef::Blob(_) | ValueRef::Null => Err("bytes are no number".to_owned()),
    }
}

/// An argument that is to be text.
fn text(argument: ValueRef<'_>) -> std::result::Result<&str, String> {
    match argument {
        ValueRef::Text(text) => {
            str::from_utf8(text).map_err(|_| "the text is not UTF-8".to_owned())
        }
        ValueRef::Integer(value) => Err(format!("{value} is a number, not text")),
        ValueRef::Real(value) => Err(format!("{value:?} is a number, not text")),
        ValueRef::Blob(_) | ValueRef::Null => Err("bytes are no text".to_owned()),
    }
}

/// A number as an answer; what is none is NULL, and zero has no sign.
fn real(value: f64) -> Value {
    if value.is_nan() { Value::Null } else { Value::Real(value + 0.0) }
}
