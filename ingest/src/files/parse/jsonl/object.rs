//! A JSON object with fields of a record: which fields it has, and the text of each.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::files::parse::field::RecordField;
use crate::files::parse::read_options::{Named, ReadOptions};

/// What tells the kinds of lines and values apart.
#[derive(Deserialize)]
pub(super) struct Probe<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    pub(super) value: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    pub(super) records: Option<&'a RawValue>,
}

/// `Some` also for `null`.
pub(super) fn present<'a, D: Deserializer<'a>>(value: D) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

pub(super) fn probe(text: &str) -> Result<Probe<'_>, String> {
    from_object(text)
}

/// Reads an object; where serde would take an array for one, it is refused.
pub(super) fn from_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.starts_with('{') {
        return Err(no_object(text));
    }
    serde_json::from_str(text).map_err(|error| message_of(&error))
}

/// What a line is that is no object.
fn no_object(text: &str) -> String {
    let what = match text.as_bytes().first() {
        Some(b'[') => {
            "it begins a JSON array; one object on each line is read, as `jq -c '.[]' FILE` writes them"
        }
        Some(b'<') => "it is not a JSON object; it looks like HTML or XML",
        _ if text.contains([',', ';', '\t']) && !text.contains(['{', '}']) => {
            "it is not a JSON object; it looks like CSV"
        }
        _ => "it is not a JSON object",
    };
    what.to_owned()
}

/// The error with the column, but without the line, which is always the first.
pub(super) fn message_of(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    match text.strip_suffix(&place) {
        Some(text) => format!("column {}: {text}", error.column()),
        None => text,
    }
}

/// The text of a value: of a string, or of a number as it is written; none of `null`.
pub(super) fn value_text(field: RecordField, value: &RawValue) -> Result<Cow<'_, str>, String> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') => {
            let text: String = serde_json::from_str(text).map_err(|error| message_of(&error))?;
            Ok(Cow::Owned(text))
        }
        Some(b'-' | b'0'..=b'9') if !field.is_text() => Ok(Cow::Borrowed(text)),
        Some(b'n') => Ok(Cow::Borrowed("")),
        _ if field.is_text() => Err("it is not text".to_owned()),
        _ => Err(format!("{text} is not a number")),
    }
}

/// The values of an object by their fields.
pub(super) fn fields<'a>(
    text: &'a str,
    options: &ReadOptions,
) -> Result<[Option<(RecordField, &'a RawValue)>; RecordField::ALL.len()], String> {
    if !text.starts_with('{') {
        return Err(no_object(text));
    }
    let mut object = serde_json::Deserializer::from_str(text);
    let fields = FieldValues { options }.deserialize(&mut object);
    let fields = fields.map_err(|error| message_of(&error))?;
    object.end().map_err(|error| message_of(&error))?;
    Ok(fields)
}

struct FieldValues<'a> {
    options: &'a ReadOptions,
}

impl<'de> DeserializeSeed<'de> for FieldValues<'_> {
    type Value = [Option<(RecordField, &'de RawValue)>; RecordField::ALL.len()];

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for FieldValues<'_> {
    type Value = [Option<(RecordField, &'de RawValue)>; RecordField::ALL.len()];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut values = [None; RecordField::ALL.len()];
        while let Some(named) = object.next_key_seed(FieldName { options: self.options })? {
            let value: &RawValue = object.next_value()?;
            let Some(field) = named else {
                continue;
            };
            if values[field as usize].replace((field, value)).is_some() {
                return Err(A::Error::custom(format_args!("duplicate field `{}`", field.name())));
            }
        }
        Ok(values)
    }
}

/// The field that a name means; `None` for one that is ignored.
struct FieldName<'a> {
    options: &'a ReadOptions,
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = Option<RecordField>;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<Self::Value, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = Option<RecordField>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        match self.options.field(name) {
            Named::Field(field) => Ok(Some(field)),
            Named::Other => Ok(None),
            Named::Unknown => Err(E::custom(format_args!("unknown field `{name}`"))),
        }
    }
}
