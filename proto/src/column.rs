//! One column of a schema: its name, type and unit, and its values as text.

use std::borrow::Cow;

use crate::value::{Value, ValueRef};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Field number on the wire, from 1.
    pub number: u32,
    /// Name, the same in CSV, JSON and tables.
    pub name: Cow<'static, str>,
    /// Type of its values.
    pub kind: ColumnType,
    /// Whether a row may have no value here. Where it may not, a value missing on the wire is
    /// zero or empty, as in proto3.
    pub nullable: bool,
    /// Unit of its values; empty when it has none.
    pub unit: Cow<'static, str>,
    /// What it means, in one line.
    pub doc: Cow<'static, str>,
}

/// Type of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8.
    Text,
    /// True or false.
    Bool,
    /// Signed, 32 bits.
    Int32,
    /// Unsigned, 32 bits.
    UInt32,
    /// Signed, 64 bits.
    Int64,
    /// A moment: ms since 1970-01-01 UTC, as a [`Value::Int64`].
    TimestampMs,
    /// IEEE 754, 32 bits.
    Float32,
    /// IEEE 754, 64 bits.
    Float64,
    /// One of these words; on the wire its place in the list. The first also stands for numbers
    /// that this program does not know.
    Enum(&'static [&'static str]),
}

impl Column {
    /// A column without unit and meaning, not nullable.
    #[must_use]
    pub fn new(number: u32, name: impl Into<Cow<'static, str>>, kind: ColumnType) -> Self {
        let empty = Cow::Borrowed("");
        let (name, nullable) = (name.into(), false);
        Column { number, name, kind, nullable, unit: empty.clone(), doc: empty }
    }

    /// The same, but a row may have no value in it.
    #[must_use]
    pub fn nullable(self) -> Self {
        Column { nullable: true, ..self }
    }

    /// Reads a value from text as people and CSV files write it; `None` when it is none of this
    /// column's. There is no text for a missing value: how that is written is the format's choice.
    #[must_use]
    pub fn parse(&self, text: &str) -> Option<Value> {
        Some(match self.kind {
            ColumnType::Text => Value::Text(text.to_owned()),
            ColumnType::Bool => Value::Bool(text.parse().ok()?),
            ColumnType::Int32 => Value::Int32(text.parse().ok()?),
            ColumnType::UInt32 => Value::UInt32(text.parse().ok()?),
            ColumnType::Int64 | ColumnType::TimestampMs => Value::Int64(text.parse().ok()?),
            ColumnType::Float32 => Value::Float32(text.parse().ok()?),
            ColumnType::Float64 => Value::Float64(text.parse().ok()?),
            ColumnType::Enum(words) => {
                let place = words.iter().position(|word| *word == text)?;
                Value::Enum(i32::try_from(place).ok()?)
            }
        })
    }

    /// What a row that says nothing of this column has there.
    #[must_use]
    pub fn default_value(&self) -> Value {
        match self.kind {
            _ if self.nullable => Value::Null,
            ColumnType::Text => Value::Text(String::new()),
            ColumnType::Bool => Value::Bool(false),
            ColumnType::Int32 => Value::Int32(0),
            ColumnType::UInt32 => Value::UInt32(0),
            ColumnType::Int64 | ColumnType::TimestampMs => Value::Int64(0),
            ColumnType::Float32 => Value::Float32(0.0),
            ColumnType::Float64 => Value::Float64(0.0),
            ColumnType::Enum(_) => Value::Enum(0),
        }
    }

    /// The word of an enum's number.
    #[must_use]
    pub fn word(&self, number: i32) -> &'static str {
        let ColumnType::Enum(words) = self.kind else { return "" };
        let known = usize::try_from(number).ok().and_then(|place| words.get(place));
        known.or(words.first()).copied().unwrap_or_default()
    }

    /// A value as text, for reports and consoles: texts as they are, floats in the shortest form
    /// that reads back to the same bits, and `missing` where there is none.
    #[must_use]
    pub fn show(&self, value: ValueRef<'_>) -> String {
        match value {
            ValueRef::Null => "missing".to_owned(),
            ValueRef::Bool(value) => value.to_string(),
            ValueRef::Int32(value) => value.to_string(),
            ValueRef::UInt32(value) => value.to_string(),
            ValueRef::Int64(value) => value.to_string(),
            ValueRef::Float32(value) => format!("{value:?}"),
            ValueRef::Float64(value) => format!("{value:?}"),
            ValueRef::Text(value) => value.to_owned(),
            ValueRef::Enum(value) => self.word(value).to_owned(),
        }
    }

    /// `name=value`, for reports: as [`Column::show`], but with texts in quotes.
    #[must_use]
    pub fn show_named(&self, value: ValueRef<'_>) -> String {
        match value {
            ValueRef::Text(text) => format!("{}={text:?}", self.name),
            other => format!("{}={}", self.name, self.show(other)),
        }
    }

    /// Whether a value is one of this column's.
    #[must_use]
    pub fn accepts(&self, value: ValueRef<'_>) -> bool {
        match (self.kind, value) {
            (_, ValueRef::Null) => self.nullable,
            (ColumnType::Text, ValueRef::Text(_))
            | (ColumnType::Bool, ValueRef::Bool(_))
            | (ColumnType::Int32, ValueRef::Int32(_))
            | (ColumnType::UInt32, ValueRef::UInt32(_))
            | (ColumnType::Int64 | ColumnType::TimestampMs, ValueRef::Int64(_))
            | (ColumnType::Float32, ValueRef::Float32(_))
            | (ColumnType::Float64, ValueRef::Float64(_))
            | (ColumnType::Enum(_), ValueRef::Enum(_)) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_and_what_is_parsed_are_values_of_the_column() {
        for column in crate::Schema::windows().columns() {
            assert!(column.accepts(column.default_value().as_ref()), "{}", column.name);
            let nullable = column.clone().nullable();
            assert_eq!(nullable.default_value(), Value::Null);
            assert!(nullable.accepts(ValueRef::Null) && !column.accepts(ValueRef::Null));
            let text = if let ColumnType::Enum(words) = column.kind { words[1] } else { "1" };
            assert!(column.accepts(column.parse(text).unwrap().as_ref()), "{}", column.name);
        }
    }

    #[test]
    fn an_unknown_number_of_an_enum_is_its_first_word() {
        let column = Column::new(1, "c", ColumnType::Enum(&["unknown", "time"]));
        assert_eq!(
            [1, 0, 9, -1].map(|n| column.word(n)),
            ["time", "unknown", "unknown", "unknown"]
        );
    }
}
