//! Records as JSON lines. A line is one of:
//!
//! * an object with fields of `SeismicRecord`, by the names of `seismic.proto` or as protobuf's own
//!   JSON has them (`sensorId`, 64-bit numbers as strings). Numbers that JSON cannot say are
//!   `"NaN"`, `"Infinity"` and `"-Infinity"`, or the same without quotes, as Python writes them;
//! * a line of `seismic read --format json`: an object with the `value` of a message, which is
//!   such a record, or `{"records": [...]}`, or `null` beside the `bytes` in base64, and with its
//!   `key`. Its fields are taken as they are, since it is the copy of a message.
//!
//! Other names and names that come twice are refused, and so is a record without sensor, time or
//! amplitude: a missing measurement must not become a zero that nobody measured.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_proto::SeismicRecord;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::field::{Draft, RecordField, ValueFormat};
use super::item::{Item, Next, ParsedLine};
use super::read_options::{Named, ReadOptions};
use super::refusal::Refusal;
use crate::Result as IngestResult;
use crate::codec::{encode, pack_record};
use crate::files::lines::{LineRead, Lines};

/// The objects of one file.
pub(crate) struct JsonReader {
    lines: Lines,
    options: ReadOptions,
    /// Whether a line had a quality: then protobuf left a zero out where there is none.
    has_quality: bool,
}

impl JsonReader {
    pub(crate) fn new(lines: Lines, options: &ReadOptions) -> Self {
        JsonReader { lines, options: options.clone(), has_quality: false }
    }

    pub(crate) fn lines(&self) -> &Lines {
        &self.lines
    }

    pub(crate) fn lines_mut(&mut self) -> &mut Lines {
        &mut self.lines
    }

    /// The next line that is not blank.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn next(&mut self) -> IngestResult<Next> {
        loop {
            let (text, is_whole) = match self.lines.read()? {
                LineRead::End => return Ok(Next::End),
                LineRead::Pending => return Ok(Next::Pending),
                LineRead::TooLong(too_long) => {
                    let item = Err(too_long.to_string().into());
                    return Ok(Next::Line(ParsedLine::new(self.lines.number(), true, item)));
                }
                LineRead::Line(line) if line.trim_ascii().is_empty() => continue,
                LineRead::Line(line) => (line, line.ends_with(b"\n")),
            };
            let parsed = parse(text, &self.options);
            let number = self.lines.number();
            if number <= self.options.skip_lines {
                continue;
            }
            let mut line = ParsedLine::new(number, is_whole, Err("".into()));
            line.item = match parsed {
                Ok(Parsed::Item(item)) => Ok(item),
                Ok(Parsed::Draft(draft)) => self.finish(draft, &mut line),
                Err(refusal) => Err(refusal),
            };
            return Ok(Next::Line(line));
        }
    }

    fn finish(&mut self, draft: Draft, line: &mut ParsedLine) -> Result<Item, Refusal> {
        let has_quality = draft.has(RecordField::DataQuality);
        if self.has_quality && !has_quality {
            return Err(
                "data_quality is missing, and lines above have one; protobuf's JSON leaves \
                        zeros out unless it is told to print them"
                    .into(),
            );
        }
        self.has_quality |= has_quality;
        let (record, defaulted) = draft.finish(true)?;
        line.defaulted = defaulted;
        Ok(Item::Record(record))
    }
}

/// What a line says, before it is known what is missing.
pub(crate) enum Parsed {
    Item(Item),
    Draft(Draft),
}

/// What a line says.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(line: &[u8], options: &ReadOptions) -> Result<Parsed, Refusal> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?.trim_ascii();
    match parse_text(line, options) {
        Err(refusal) => match with_quoted_words(line) {
            Some(quoted) => parse_text(&quoted, options),
            None => Err(refusal),
        },
        parsed => parsed,
    }
}

fn parse_text(line: &str, options: &ReadOptions) -> Result<Parsed, Refusal> {
    let is_field = options.columns.iter().any(|(_, theirs)| theirs == "value");
    match probe(line)?.value.filter(|_| !is_field) {
        None => {
            let mut draft = draft(line, options)?;
            options.apply_set(&mut draft)?;
            Ok(Parsed::Draft(draft))
        }
        Some(_) => Ok(Parsed::Item(message(line)?)),
    }
}

/// The line with `NaN`, `Infinity` and `-Infinity` in quotes; `None` when they are nowhere bare.
fn with_quoted_words(line: &str) -> Option<String> {
    let mut quoted = String::with_capacity(line.len() + 16);
    let (mut rest, mut is_in_string, mut is_changed) = (line, false, false);
    while let Some(next) = rest.chars().next() {
        let words = ["NaN", "-Infinity", "Infinity"];
        let word = words.into_iter().find(|word| !is_in_string && rest.starts_with(word));
        let taken = match (word, next) {
            (Some(word), _) => {
                is_changed = true;
                quoted.extend(["\"", word, "\""]);
                rest = &rest[word.len()..];
                continue;
            }
            (None, '\\') if is_in_string => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
            (None, '"') => {
                is_in_string = !is_in_string;
                1
            }
            (None, other) => other.len_utf8(),
        };
        quoted.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    is_changed.then_some(quoted)
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

/// The fields of an object that means a record of its own.
fn draft(text: &str, options: &ReadOptions) -> Result<Draft, Refusal> {
    let format = options.format();
    let mut draft = Draft::default();
    for (field, value) in fields(text, options)?.into_iter().flatten() {
        let text =
            value_text(field, value).map_err(|what| Refusal::from(what).of_field(field.name()))?;
        draft.set(field, &text, &format)?;
    }
    Ok(draft)
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

/// The text of a value: of a string, or of a number as it is written; none of `null`.
fn value_text(field: RecordField, value: &RawValue) -> Result<Cow<'_, str>, String> {
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
fn fields<'a>(
    text: &'a str,
    options: &ReadOptions,
) -> Result<[Option<(RecordField, &'a RawValue)>; RecordField::ALL.len()], String> {
    if !text.starts_with('{') {
        return Err("it is not a JSON object".to_owned());
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a line says whose record is whole, as the first of its file.
    fn item(line: &[u8]) -> Result<Item, String> {
        match parse(line, &ReadOptions::default()) {
            Ok(Parsed::Item(item)) => Ok(item),
            Ok(Parsed::Draft(draft)) => {
                draft.finish(true).map(|(record, _)| Item::Record(record)).map_err(|it| it.what)
            }
            Err(refusal) => Err(refusal.what),
        }
    }

    fn message(line: &str) -> (Vec<u8>, Vec<u8>) {
        match item(line.as_bytes()).unwrap() {
            Item::Message { key, value } => (key, value),
            Item::Record(record) => panic!("it is a record: {record:?}"),
        }
    }

    #[test]
    fn records_are_read_as_we_and_as_protobuf_write_them() {
        let record = SeismicRecord {
            sensor_id: "S".into(),
            collect_timestamp: 1_600_000_000_040,
            seismic_amplitude: f32::NEG_INFINITY,
            phase_type: "N".into(),
            data_quality: 1,
            ..SeismicRecord::default()
        };
        for line in [
            r#" {"seismic_amplitude":"-Infinity","sensor_id":"S","collect_timestamp":1600000000040}"#,
            r#"{"sensorId":"S","collectTimestamp":"1600000000040","seismicAmplitude":-Infinity}"#,
            r#"{"sensor_id":" S ","collect_timestamp":1600000000040.0,"phase_type":null,
                "data_quality":1.0,"seismic_amplitude":"-Infinity"}"#,
        ] {
            assert_eq!(item(line.as_bytes()), Ok(Item::Record(record.clone())), "{line}");
        }
    }

    #[test]
    fn words_in_quotes_stay_as_they_are() {
        let line = r#"{"sensor_id":"NaN\"NaN","collect_timestamp":1,"seismic_amplitude":NaN}"#;
        match item(line.as_bytes()) {
            Ok(Item::Record(record)) => {
                assert_eq!(record.sensor_id, "NaN\"NaN");
                assert!(record.seismic_amplitude.is_nan());
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_measurement_that_is_missing_is_no_zero() {
        let whole = r#"{"sensor_id":"S","collect_timestamp":1,"seismic_amplitude":2}"#;
        assert!(item(whole.as_bytes()).is_ok());
        for (with, without) in [
            (r#""sensor_id":"S","#, ""),
            (r#""sensor_id":"S""#, r#""sensor_id":"  ""#),
            (r#""collect_timestamp":1,"#, ""),
            (r#""collect_timestamp":1"#, r#""collect_timestamp":null"#),
            (r#","seismic_amplitude":2"#, ""),
            (r#""seismic_amplitude":2"#, r#""seismic_amplitude":"""#),
        ] {
            let error = item(whole.replace(with, without).as_bytes()).unwrap_err();
            assert!(error.contains("is missing"), "{error}");
        }
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
            (r#"{"depth":1.5}"#, "\"1.5\" is not a whole number"),
            (r#"{"depth":3000000000}"#, "not a whole number of 32 bits"),
            (r#"{"seismic_amplitude":[1]}"#, "not a number"),
            (r#"{"seismic_amplitude":1e39}"#, "too large"),
            (r#"{"sensor_id":7}"#, "it is not text"),
            (r#"{"value":{"sensor_id":null}}"#, "invalid type: null"),
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
            let error = item(line.as_bytes()).unwrap_err();
            assert!(error.contains(says) && !error.contains("line 1"), "{line}: {error}");
        }
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(bytes: Vec<u8>, cut in 0usize..90, put: Vec<u8>) {
            let _ = item(&bytes);
            let mut line =
                br#"{"key":"k","value":{"records":[{"sensor_id":"S","longitude":-1.5e3},{}]}}"#
                    .to_vec();
            let cut = cut.min(line.len());
            line.splice(cut..(cut + 2).min(line.len()), put);
            if let Ok(Item::Message { value, .. }) = item(&line) {
                prop_assert!(value.len() <= line.len(), "it is no larger than its line");
            }
        }

        #[test]
        fn deeply_nested_lines_never_overflow(depth in 0usize..100_000, key in "[a-z_]{0,9}") {
            let _ = item(format!(r#"{{"{key}":{}"#, "[".repeat(depth)).as_bytes());
            let _ = item(format!(r#"{{"value":{}"#, r#"{"records":"#.repeat(depth)).as_bytes());
        }
    }
}
