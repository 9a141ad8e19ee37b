//! Functions that the caller has, beside ours.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, Error, Result};

use super::function::real;
use crate::batch::Cell;

/// A function that statements may call: its answer depends on its arguments alone, and is the same to
/// the bit in every run.
pub trait Function: Send + Sync + fmt::Debug {
    /// Its name. Statements may write it in upper and lower case.
    fn name(&self) -> &str;

    /// How many arguments it takes.
    fn arguments(&self) -> usize;

    /// Calls it. No argument is NULL: where one is, so is the answer, without a call.
    ///
    /// # Errors
    /// Why it has no answer: the row fails with these words, behind the name.
    fn call(&self, arguments: &[Cell<'_>]) -> std::result::Result<Answer, String>;
}

/// What a function answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing.
    Null,
    /// 64 bits, signed.
    Integer(i64),
    /// 64 bits. NaN is NULL to the statement, and negative zero is zero.
    Real(f64),
    /// UTF-8.
    Text(String),
}

/// Makes them known to the connection.
pub fn register(connection: &Connection, functions: &[Arc<dyn Function>]) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    for function in functions {
        let arguments = i32::try_from(function.arguments()).unwrap_or(-1);
        let name = function.name().to_owned();
        let function = AssertUnwindSafe(Arc::clone(function));
        connection.create_scalar_function(name.as_str(), arguments, flags, move |context| {
            call(&**function, context).map(ToSqlOutput::Owned)
        })?;
    }
    Ok(())
}

fn call(function: &dyn Function, context: &Context<'_>) -> Result<Value> {
    let mut arguments = [Cell::Null; crate::limits::OWN_ARGUMENTS];
    let all = context.len().min(arguments.len());
    let failed =
        |why: String| Error::UserFunctionError(format!("{}: {why}", function.name()).into());
    for (i, argument) in arguments.iter_mut().enumerate().take(all) {
        *argument = match context.get_raw(i) {
            ValueRef::Null => return Ok(Value::Null),
            ValueRef::Integer(value) => Cell::Integer(value),
            ValueRef::Real(value) => Cell::Real(value),
            ValueRef::Blob(bytes) => Cell::Blob(bytes),
            ValueRef::Text(bytes) => match str::from_utf8(bytes) {
                Ok(text) => Cell::Text(text),
                Err(_) => return Err(failed("a text is not UTF-8".to_owned())),
            },
        };
    }
    Ok(match function.call(&arguments[..all]).map_err(failed)? {
        Answer::Null => Value::Null,
        Answer::Integer(value) => Value::Integer(value),
        Answer::Real(value) => real(value),
        Answer::Text(text) => Value::Text(text),
    })
}
