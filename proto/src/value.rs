//! One value of one column, owned or borrowed from its row.

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is none.
    Null,
    /// True or false.
    Bool(bool),
    /// Signed, 32 bits.
    Int32(i32),
    /// Unsigned, 32 bits.
    UInt32(u32),
    /// Signed, 64 bits; also a moment in ms since 1970-01-01 UTC.
    Int64(i64),
    /// 32 bits.
    Float32(f32),
    /// 64 bits.
    Float64(f64),
    /// UTF-8.
    Text(String),
    /// A word of an enum, by its number: [`Column::word`](crate::Column::word).
    Enum(i32),
}

/// A value that is borrowed from its row.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)] // As those of `Value`.
pub enum ValueRef<'a> {
    Null,
    Bool(bool),
    Int32(i32),
    UInt32(u32),
    Int64(i64),
    Float32(f32),
    Float64(f64),
    Text(&'a str),
    Enum(i32),
}

impl Value {
    /// The same, borrowed.
    #[must_use]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match self {
            Value::Null => ValueRef::Null,
            Value::Bool(value) => ValueRef::Bool(*value),
            Value::Int32(value) => ValueRef::Int32(*value),
            Value::UInt32(value) => ValueRef::UInt32(*value),
            Value::Int64(value) => ValueRef::Int64(*value),
            Value::Float32(value) => ValueRef::Float32(*value),
            Value::Float64(value) => ValueRef::Float64(*value),
            Value::Text(value) => ValueRef::Text(value),
            Value::Enum(value) => ValueRef::Enum(*value),
        }
    }
}

impl ValueRef<'_> {
    /// A copy that owns its text.
    #[must_use]
    pub fn to_value(self) -> Value {
        match self {
            ValueRef::Null => Value::Null,
            ValueRef::Bool(value) => Value::Bool(value),
            ValueRef::Int32(value) => Value::Int32(value),
            ValueRef::UInt32(value) => Value::UInt32(value),
            ValueRef::Int64(value) => Value::Int64(value),
            ValueRef::Float32(value) => Value::Float32(value),
            ValueRef::Float64(value) => Value::Float64(value),
            ValueRef::Text(value) => Value::Text(value.to_owned()),
            ValueRef::Enum(value) => Value::Enum(value),
        }
    }
}
