//! A JSON object as a row of declared columns. Types are checked and never guessed: `"5"` is no
//! number. Keys that are not declared are left out; a declared one that is missing is NULL.

use std::fmt;
use std::ops::Range;

use seismic_sql::{Batch, Cell};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::definition::column::{Column, ColumnKind};
use crate::output::reason::{Fault, Reason};

/// Integers that a double holds exactly lie within.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Reads lines.
#[derive(Debug)]
pub struct JsonLines {
    columns: Vec<Column>,
    cells: Vec<Slot>,
    texts: String,
}

/// The value of a column, as far as it was read.
#[derive(Clone, Debug)]
enum Slot {
    Missing,
    Null,
    Integer(i64),
    Real(f64),
    Text(Range<usize>),
    /// What was found instead.
    Wrong(String),
}

impl JsonLines {
    /// Lines with these columns.
    pub fn new(columns: Vec<Column>) -> Self {
        JsonLines { columns, cells: Vec::new(), texts: String::new() }
    }

    /// The columns.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// As [`RowDecoder::push`](super::RowDecoder::push).
    pub fn push(&mut self, line: &[u8], into: &mut Batch) -> Result<(), Fault> {
        let JsonLines { columns, cells, texts } = self;
        texts.clear();
        cells.clear();
        cells.resize(columns.len(), Slot::Missing);
        let mut json = serde_json::Deserializer::from_slice(line);
        let read = json.deserialize_map(Object { columns, cells, texts }).and_then(|()| json.end());
        if read.is_err() {
            return Err((Reason::Unparseable, "it is no JSON object".to_owned()));
        }
        for (column, cell) in columns.iter().zip(&*cells) {
            if let Slot::Wrong(found) = cell {
                let Column { name, kind } = column;
                let why = format!("{name} is to be {kind}, and is {found}");
                return Err((Reason::WrongType, why));
            }
        }
        for cell in &*cells {
            into.push(match cell {
                Slot::Integer(value) => Cell::Integer(*value),
                Slot::Real(value) => Cell::Real(*value),
                Slot::Text(range) => Cell::Text(&texts[range.clone()]),
                Slot::Missing | Slot::Null | Slot::Wrong(_) => Cell::Null,
            });
        }
        Ok(())
    }
}

/// The whole object.
struct Object<'a> {
    columns: &'a [Column],
    cells: &'a mut [Slot],
    texts: &'a mut String,
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let Object { columns, cells, texts } = self;
        // Keys mostly stand in the order of the columns.
        let mut likely = 0;
        while let Some(found) = map.next_key_seed(Key { columns, likely })? {
            let Some(column) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            likely = column + 1;
            let is_first = matches!(cells[column], Slot::Missing);
            let slot = map.next_value_seed(Value { kind: columns[column].kind, texts })?;
            cells[column] = if is_first { slot } else { Slot::Wrong("there twice".to_owned()) };
        }
        Ok(())
    }
}

/// A key, as the place of its column.
struct Key<'a> {
    columns: &'a [Column],
    likely: usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> Result<Self::Value, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        let Key { columns, likely } = self;
        if columns.get(likely).is_some_and(|column| column.name == key) {
            return Ok(Some(likely));
        }
        Ok(columns.iter().position(|column| column.name == key))
    }
}

/// A value of a column of that type.
struct Value<'a> {
    kind: ColumnKind,
    texts: &'a mut String,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Slot;

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<Slot, D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Slot;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Slot, E> {
        Ok(Slot::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Slot, E> {
        Ok(Slot::Wrong(value.to_string()))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Slot, E> {
        Ok(match self.kind {
            ColumnKind::Int => Slot::Integer(value),
            ColumnKind::Real => Slot::Real(value as f64),
            ColumnKind::Text => Slot::Wrong(format!("the number {value}")),
        })
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Slot, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) if self.kind == ColumnKind::Real => Ok(Slot::Real(value as f64)),
            Err(_) => Ok(Slot::Wrong(format!("the number {value}"))),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Slot, E> {
        Ok(match self.kind {
            ColumnKind::Real => Slot::Real(value),
            ColumnKind::Int if value.trunc() == value && value.abs() <= EXACT => {
                Slot::Integer(value as i64)
            }
            _ => Slot::Wrong(format!("the number {value:?}")),
        })
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Slot, E> {
        if self.kind != ColumnKind::Text {
            return Ok(Slot::Wrong("text".to_owned()));
        }
        let from = self.texts.len();
        self.texts.push_str(value);
        Ok(Slot::Text(from..self.texts.len()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Slot, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong("a list".to_owned()))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Slot, M::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Slot::Wrong("an object".to_owned()))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Slot, E> {
        Err(E::custom("JSON has no bytes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &str) -> Result<Vec<String>, String> {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind };
        let columns = vec![
            column("JobName", ColumnKind::Text),
            column("UsedGB", ColumnKind::Real),
            column("Type", ColumnKind::Int),
        ];
        let (mut lines, mut batch) = (JsonLines::new(columns), Batch::new(3));
        let pushed = lines.push(line.as_bytes(), &mut batch);
        pushed.map_err(|(reason, why)| format!("{}: {why}", reason.name()))?;
        Ok((0..3).map(|column| format!("{:?}", batch.cell(0, column))).collect())
    }

    #[test]
    fn declared_columns_are_read_by_name_and_the_rest_is_left_out() {
        let line =
            r#"{"more":{"a":[1,{}]},"Type":2,"JobName":"caf\u00e9","UsedGB":0.1,"jobname":7}"#;
        assert_eq!(row(line).unwrap(), ["Text(\"café\")", "Real(0.1)", "Integer(2)"]);
        assert_eq!(row(r#"{"UsedGB":3,"Type":null}"#).unwrap(), ["Null", "Real(3.0)", "Null"]);
        assert_eq!(row(r#"{"Type":3.0}"#).unwrap()[2], "Integer(3)");
        // To the bit, as Rust reads it.
        assert_eq!(
            row(r#"{"UsedGB":1.7976931348623157e308}"#).unwrap()[1],
            format!("Real({:?})", f64::MAX)
        );
    }

    #[test]
    fn a_value_of_another_type_is_named_and_never_cast() {
        for (line, why) in [
            (r#"{"Type":"5"}"#, "wrong_type: Type is to be int, and is text"),
            (r#"{"UsedGB":"0.5"}"#, "wrong_type: UsedGB is to be real, and is text"),
            (r#"{"JobName":5}"#, "wrong_type: JobName is to be text, and is the number 5"),
            (r#"{"Type":1.5}"#, "wrong_type: Type is to be int, and is the number 1.5"),
            (r#"{"Type":18446744073709551615}"#, "the number 18446744073709551615"),
            (r#"{"Type":true}"#, "and is true"),
            (r#"{"Type":[1]}"#, "and is a list"),
            (r#"{"JobName":{}}"#, "and is an object"),
            (r#"{"Type":1,"Type":1}"#, "and is there twice"),
        ] {
            let found = row(line).unwrap_err();
            assert!(found.contains(why), "{line}: {found}");
        }
    }

    #[test]
    fn what_is_no_object_is_unparseable() {
        for line in ["", "5", "[1]", "{", "{}x", "\u{0}", "{\"a\":1,}", "null"] {
            assert_eq!(row(line).unwrap_err(), "unparseable: it is no JSON object", "{line}");
        }
    }
}
