//! Records as JSON lines. A line is one of:
//!
//! * an object with fields of `SeismicRecord`; missing ones are the default, and the floats that
//!   JSON cannot say are `"NaN"`, `"Infinity"` and `"-Infinity"`;
//! * a line of `seismic read --format json`: an object with the `value` of a message, which is
//!   such a record, or `{"records": [...]}`, or `null` beside the `bytes` in base64, and with its
//!   `key`.
//!
//! Other names, names that come twice, and `null` for a field are refused: a missing measurement
//! must not become a zero that nobody measured.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_proto::SeismicRecord;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::float;
use super::item::Item;
use crate::codec::{encode, pack_record};

/// What a line says.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(line: &[u8]) -> Result<Item, String> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8".to_owned())?.trim_ascii();
    match probe(line)?.value {
        None => record(line).map(Item::Record),
        Some(_) => message(line),
    }
}

/// What tells the kinds of lines and values apart.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(default, borrow, deserialize_with = "present")]
    value: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    records: Option<&'a RawValue>,
}

/// `Some` also for `null`.
fn present<'a, D: Deserializer<'a>>(value: D) -> Result<Option<&'a RawValue>, D::Error> {
    Deserialize::deserialize(value).map(Some)
}

fn probe(text: &str) -> Result<Probe<'_>, String> {
    from_object(text)
}

/// One record of an object's text.
fn record(text: &str) -> Result<SeismicRecord, String> {
    from_object::<Fields>(text).map(SeismicRecord::from)
}

/// Reads an object; where serde would take an array for one, it is refused.
fn from_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    if !text.starts_with('{') {
        return Err("it is not a JSON object".to_owned());
    }
    serde_json::from_str(text).map_err(|error| message_of(&error))
}

/// The error with the column, but without the line, which is always the first.
fn message_of(error: &serde_json::Error) -> String {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    match text.strip_suffix(&place) {
        Some(text) => format!("column {}: {text}", error.column()),
        None => text,
    }
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    sensor_id: String,
    collect_timestamp: i64,
    #[serde(deserialize_with = "any_float")]
    longitude: f64,
    #[serde(deserialize_with = "any_float")]
    latitude: f64,
    depth: i32,
    #[serde(deserialize_with = "any_float")]
    seismic_amplitude: f32,
    frequency: i32,
    phase_type: String,
    data_quality: i32,
    network_status: i32,
    arrival_ms: i64,
}

/// Parses the text itself, so that an `f32` is rounded once.
fn any_float<'a, D, F>(value: D) -> Result<F, D::Error>
where
    D: Deserializer<'a>,
    F: std::str::FromStr + Copy + Into<f64>,
{
    let text = <&RawValue>::deserialize(value)?.get();
    float::parse_json(text).map_err(D::Error::custom)
}

impl From<Fields> for SeismicRecord {
    fn from(fields: Fields) -> Self {
        SeismicRecord {
            sensor_id: fields.sensor_id,
            collect_timestamp: fields.collect_timestamp,
            longitude: fields.longitude,
            latitude: fields.latitude,
            depth: fields.depth,
            seismic_amplitude: fields.seismic_amplitude,
            frequency: fields.frequency,
            phase_type: fields.phase_type,
            data_quality: fields.data_quality,
            network_status: fields.network_status,
            arrival_ms: fields.arrival_ms,
        }
    }
}

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

fn message(line: &str) -> Result<Item, String> {
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
        encode(&record(text)?, &mut bytes);
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
            encode(&record(text.get()).map_err(A::Error::custom)?, &mut bytes);
            pack_record(self.into, &bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(line: &str) -> (Vec<u8>, Vec<u8>) {
        match parse(line.as_bytes()).unwrap() {
            Item::Message { key, value } => (key, value),
            Item::Record(record) => panic!("it is a record: {record:?}"),
        }
    }

    #[test]
    fn missing_fields_are_the_default() {
        let record = SeismicRecord {
            sensor_id: "S".into(),
            seismic_amplitude: f32::NEG_INFINITY,
            ..SeismicRecord::default()
        };
        let line = br#" {"seismic_amplitude":"-Infinity","sensor_id":"S"}"#;
        assert_eq!(parse(line), Ok(Item::Record(record)));
        assert_eq!(parse(b"{}"), Ok(Item::Record(SeismicRecord::default())));
    }

    #[test]
    fn what_read_prints_is_the_message_again() {
        let one = r#"{"partition":0,"offset":12,"append_ms":5,"key":"k","value":{"depth":3}}"#;
        assert_eq!(message(one), (b"k".to_vec(), vec![0x28, 3]));
        let packed = r#"{"key":"k","value":{"records":[{"depth":3},{}]}}"#;
        assert_eq!(message(packed).1, [0x7a, 2, 0x28, 3, 0x7a, 0]);
        let bytes = r#"{"key":"","value":null,"bytes":"//8="}"#;
        assert_eq!(message(bytes), (vec![], vec![0xff, 0xff]));
    }

    #[test]
    fn each_wrong_line_is_refused_with_what_is_wrong() {
        for (line, says) in [
            (r#"{"sensor":"S"}"#, "unknown field `sensor`"),
            (r#"{"depth":1,"depth":2}"#, "duplicate field `depth`"),
            (r#"{"depth":1.5}"#, "column 12: invalid type: floating point"),
            (r#"{"depth":3000000000}"#, "expected i32"),
            (r#"{"seismic_amplitude":null}"#, "null\" is not a number"),
            (r#"{"seismic_amplitude":1e39}"#, "too large"),
            (r#"{"sensor_id":null}"#, "invalid type: null"),
            (r#"["S",1]"#, "not a JSON object"),
            (r#"{"value":{"records":[["S"]]}}"#, "not a JSON object"),
            (r#"{"value":{"records":[]}}"#, "records has none"),
            (r#"{"value":{"records":[{"x":1}]}}"#, "unknown field `x`"),
            (r#"{"value":{"window_start_ts":1}}"#, "unknown field `window_start_ts`"),
            (r#"{"value":null}"#, "no bytes"),
            (r#"{"value":null,"bytes":"%"}"#, "not base64"),
            (r#"{"value":{},"sensor_id":"S"}"#, "unknown field `sensor_id`"),
            (r#"{"depth":1} x"#, "trailing characters"),
            (r#"{"depth":"#, "EOF"),
            ("\u{0}", "not a JSON object"),
        ] {
            let error = parse(line.as_bytes()).unwrap_err();
            assert!(error.contains(says) && !error.contains("line 1"), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(bytes: Vec<u8>, cut in 0usize..90, put: Vec<u8>) {
            let _ = parse(&bytes);
            let mut line =
                br#"{"key":"k","value":{"records":[{"sensor_id":"S","longitude":-1.5e3},{}]}}"#
                    .to_vec();
            let cut = cut.min(line.len());
            line.splice(cut..(cut + 2).min(line.len()), put);
            if let Ok(Item::Message { value, .. }) = parse(&line) {
                prop_assert!(value.len() <= line.len(), "it is no larger than its line");
            }
        }

        #[test]
        fn deeply_nested_lines_never_overflow(depth in 0usize..100_000, key in "[a-z_]{0,9}") {
            let _ = parse(format!(r#"{{"{key}":{}"#, "[".repeat(depth)).as_bytes());
            let _ = parse(format!(r#"{{"value":{}"#, r#"{"records":"#.repeat(depth)).as_bytes());
        }
    }
}
