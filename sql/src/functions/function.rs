//! What a function is, and what it does with its arguments.

use rusqlite::types::{Value, ValueRef};

/// The answer of a function: a value of its own, or why there is none.
pub type Answer = std::result::Result<Value, String>;

/// One function.
pub struct Function {
    pub name: &'static str,
    /// How many it takes.
    pub arguments: usize,
    pub call: fn(&[ValueRef<'_>]) -> Answer,
}

/// An argument that is to be a number.
pub fn number(argument: ValueRef<'_>) -> std::result::Result<f64, String> {
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
pub fn text(argument: ValueRef<'_>) -> std::result::Result<&str, String> {
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
pub fn real(value: f64) -> Value {
    if value.is_nan() { Value::Null } else { Value::Real(value + 0.0) }
}
