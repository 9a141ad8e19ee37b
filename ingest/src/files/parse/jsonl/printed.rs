//! A line of `seismic read`: the copy of a message.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_proto::SeismicRecord;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::object::{fields, from_object, message_of, present, probe, value_text};
use crate::codec::{encode, pack_record};
use crate::files::parse::field::{RecordField, ValueFormat};
use crate::files::parse::item::Item;
use crate::files::parse::read_options::ReadOptions;

/// A line of `seismic read`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed<'a> {
    #[serde(default)]
    key: String,
    #[serde(borrow, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    bytes: Option<String>,
    #[serde(default, rename = "partition")]
    _partition: IgnoredAny,
    #[serde(default, rename = "offset")]
    _offset: IgnoredAny,
    #[serde(default, rename = "append_ms")]
    _append_ms: IgnoredAny,
}

pub(super) fn message(line: &str) -> Result<Item, String> {
    let printed: Printed = from_object(line)?;
    let text = printed.value.map_or("null", RawValue::get);
    let value = match (text, printed.bytes) {
        ("null", Some(bytes)) => {
            STANDARD.decode(bytes).map_err(|error| format!("bytes are not base64: {error}"))?
        }
        ("null", None) => return Err("value is null, and there are no bytes".to_owned()),
        (_, Some(_)) => return Err("it has both a value and bytes".to_owned()),
        (text, None) => encoded(text)?,
    };
    Ok(Item::Message { key: printed.key.into_bytes(), value })
}

/// The bytes of a value that is an object.
fn encoded(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    if probe(text)?.records.is_none() {
        encode(&copied_record(text)?, &mut bytes);
        return Ok(bytes);
    }
    let Packed { records } = from_object(text)?;
    let mut records_in = serde_json::Deserializer::from_str(records.get());
    Packing { into: &mut bytes }
        .deserialize(&mut records_in)
        .map_err(|error| message_of(&error))?;
    if bytes.is_empty() {
        return Err("records has none".to_owned());
    }
    Ok(bytes)
}

/// A record in the copy of a message: what is missing is protobuf's default, and nothing is judged.
fn copied_record(text: &str) -> Result<SeismicRecord, String> {
    let mut record = SeismicRecord::default();
    let format = ValueFormat::copied();
    for (field, value) in fields(text, &ReadOptions::default())?.into_iter().flatten() {
        let named = |what: String| format!("{}: {what}", field.name());
        if value.get() == "null" {
            return Err(named("invalid type: null".to_owned()));
        }
        let text = value_text(field, value).map_err(named)?;
        match field {
            RecordField::SensorId => record.sensor_id = text.into_owned(),
            RecordField::PhaseType => record.phase_type = text.into_owned(),
            _ => field.set(&mut record, &text, &format).map_err(|refusal| named(refusal.what))?,
        }
    }
    Ok(record)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Packed<'a> {
    #[serde(borrow)]
    records: &'a RawValue,
}

/// Packs records one by one: a list of ten thousand is never held as such.
struct Packing<'a> {
    into: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Packing<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<(), D::Error> {
        list.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Packing<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut bytes = Vec::new();
        while let Some(text) = list.next_element::<&RawValue>()? {
            bytes.clear();
            encode(&copied_record(text.get()).map_err(A::Error::custom)?, &mut bytes);
            pack_record(self.into, &bytes);
        }
        Ok(())
    }
}
