//! Functions of our own, beside those of SQLite that are allowed.
//!
//! Each is a pure function of its arguments and gives the same bits on every machine: what is
//! transcendental comes from `libm`, in Rust. NULL in gives NULL out, and so does a number for
//! which the function has no value (`sqrt(-1)`), as in SQLite. Another type than a number is an
//! error: `'4'` is no number by accident.

mod function;
mod geography;
mod intensity;
mod math;
mod names;
pub mod own;
mod time;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use self::function::Function;

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
