//! Messages as JSON: the proto's field names, every field is written, including zeros.
//!
//! 64-bit integers are numbers; floats are in shortest round-trip form, and those that JSON cannot
//! represent are `"NaN"`, `"Infinity"` and `"-Infinity"`; bytes are base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_pipeline::InternalRecords;
use seismic_proto::{
    BATCH_FIRST_BYTE, Column, Message as _, Schema, SeismicAggRecord, SeismicDeadLetter,
    SeismicRecord, SeismicRecordBatch, ValueRef,
};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::value::RawValue;

/// What the messages of a topic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Records, packed or not.
    Records,
    /// Result rows.
    Rows,
    /// Dead letters.
    DeadLetters,
    /// Records of the internal topic of a repartition.
    Internal,
    /// Rows of a job with a statement in SQL, in JSON.
    Json,
}

/// One message, as `read --format json` prints it.
#[derive(serde::Serialize)]
pub struct Line {
    pub partition: u32,
    pub offset: u64,
    pub append_ms: i64,
    pub key: String,
    pub value: Option<Value>,
    /// The value's bytes where they cannot be parsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
}

/// A parsed message.
#[derive(serde::Serialize)]
#[serde(untagged)]
pub enum Value {
    /// One record.
    Record(Record),
    /// A packed message.
    Records {
        /// Its records.
        records: Vec<Record>,
    },
    /// A result row.
    Row(Row),
    /// A dead letter.
    DeadLetter(DeadLetter),
    /// What is JSON already.
    Json(Box<RawValue>),
}

impl Line {
    /// The line of a message whose topic holds `content`.
    pub fn new(partition: u32, message: seismic_queue::Message<'_>, content: Content) -> Self {
        let value = Value::parse(message.value, content);
        Line {
            partition,
            offset: message.offset.0,
            append_ms: message.append_ms,
            key: String::from_utf8_lossy(message.key).into_owned(),
            bytes: value.is_none().then(|| STANDARD.encode(message.value)),
            value,
        }
    }
}

impl Value {
    /// What the bytes say, if they say it whole.
    pub fn parse(bytes: &[u8], content: Content) -> Option<Value> {
        match content {
            Content::Rows => SeismicAggRecord::decode(bytes).ok().map(|row| Value::Row(Row(row))),
            Content::DeadLetters => {
                SeismicDeadLetter::decode(bytes).ok().map(|letter| Value::DeadLetter(letter.into()))
            }
            // A topic of JSON lines, as jobs with a statement read; no record begins like this.
            Content::Records if bytes.first() == Some(&b'{') => {
                serde_json::from_slice(bytes).ok().map(Value::Json)
            }
            Content::Records if bytes.first() == Some(&BATCH_FIRST_BYTE) => {
                let batch = SeismicRecordBatch::decode(bytes).ok()?;
                Some(Value::Records {
                    records: batch.records.into_iter().map(Record::from).collect(),
                })
            }
            Content::Records => {
                SeismicRecord::decode(bytes).ok().map(|record| Value::Record(record.into()))
            }
            Content::Json => serde_json::from_slice(bytes).ok().map(Value::Json),
            Content::Internal => {
                let records = InternalRecords::read(bytes)?
                    .map(|it| SeismicRecord::decode(it.record).ok().map(Record::from));
                let mut records: Vec<_> = records.collect::<Option<_>>()?;
                Some(match records.len() {
                    1 => Value::Record(records.remove(0)),
                    _ => Value::Records { records },
                })
            }
        }
    }
}

/// [`SeismicRecord`] with all its fields.
#[derive(serde::Serialize)]
#[allow(missing_docs)]
pub struct Record {
    pub sensor_id: String,
    pub collect_timestamp: i64,
    #[serde(serialize_with = "double")]
    pub longitude: f64,
    #[serde(serialize_with = "double")]
    pub latitude: f64,
    pub depth: i32,
    #[serde(serialize_with = "float")]
    pub seismic_amplitude: f32,
    pub frequency: i32,
    pub phase_type: String,
    pub data_quality: i32,
    pub network_status: i32,
    pub arrival_ms: i64,
}

impl From<SeismicRecord> for Record {
    fn from(record: SeismicRecord) -> Self {
        Record {
            sensor_id: record.sensor_id,
            collect_timestamp: record.collect_timestamp,
            longitude: record.longitude,
            latitude: record.latitude,
            depth: record.depth,
            seismic_amplitude: record.seismic_amplitude,
            frequency: record.frequency,
            phase_type: record.phase_type,
            data_quality: record.data_quality,
            network_status: record.network_status,
            arrival_ms: record.arrival_ms,
        }
    }
}

/// A result row with all its columns.
pub struct Row(pub SeismicAggRecord);

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = Schema::windows().columns();
        let mut fields = serializer.serialize_map(Some(columns.len()))?;
        for (column, value) in columns.iter().zip(self.0.values()) {
            fields.serialize_entry(&column.name, &Cell(column, value))?;
        }
        fields.end()
    }
}

/// The value of one column.
struct Cell<'a>(&'a Column, ValueRef<'a>);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.1 {
            ValueRef::Null => serializer.serialize_none(),
            ValueRef::Bool(value) => serializer.serialize_bool(value),
            ValueRef::Int32(value) => serializer.serialize_i32(value),
            ValueRef::UInt32(value) => serializer.serialize_u32(value),
            ValueRef::Int64(value) => serializer.serialize_i64(value),
            ValueRef::Float32(value) => float(&value, serializer),
            ValueRef::Float64(value) => double(&value, serializer),
            ValueRef::Text(value) => serializer.serialize_str(value),
            ValueRef::Enum(value) => serializer.serialize_str(self.0.word(value)),
        }
    }
}

/// [`SeismicDeadLetter`] with all its fields.
#[derive(serde::Serialize)]
#[allow(missing_docs)]
pub struct DeadLetter {
    pub reason: String,
    pub input_topic: String,
    pub input_partition: i32,
    pub input_offset: i64,
    pub index: i32,
    pub append_ms: i64,
    pub bytes: String,
    pub original_len: i64,
    pub sha256: String,
    /// Why, in words, where the job says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl From<SeismicDeadLetter> for DeadLetter {
    fn from(letter: SeismicDeadLetter) -> Self {
        DeadLetter {
            reason: letter.reason,
            input_topic: letter.input_topic,
            input_partition: letter.input_partition,
            input_offset: letter.input_offset,
            index: letter.index,
            append_ms: letter.append_ms,
            bytes: STANDARD.encode(&letter.bytes),
            original_len: letter.original_len,
            sha256: letter.sha256.iter().map(|byte| format!("{byte:02x}")).collect(),
            detail: letter.detail,
        }
    }
}

fn float<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    match not_in_json(f64::from(*value)) {
        Some(word) => serializer.serialize_str(word),
        None => serializer.serialize_f32(*value),
    }
}

fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match not_in_json(*value) {
        Some(word) => serializer.serialize_str(word),
        None => serializer.serialize_f64(*value),
    }
}

fn not_in_json(value: f64) -> Option<&'static str> {
    match value {
        v if v.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_proto::ClosedBy;
    use seismic_queue::{Message, Offset};

    fn line(value: &[u8], content: Content) -> String {
        let message = Message { offset: Offset(12), append_ms: 5, key: b"S001", value };
        serde_json::to_string(&Line::new(0, message, content)).unwrap()
    }

    #[test]
    fn every_field_is_written_also_zeros() {
        let record = SeismicRecord {
            sensor_id: "S001".into(),
            seismic_amplitude: 4.2,
            ..SeismicRecord::default()
        };
        assert_eq!(
            line(&record.encode_to_vec(), Content::Records),
            r#"{"partition":0,"offset":12,"append_ms":5,"key":"S001","value":{"sensor_id":"S001","collect_timestamp":0,"longitude":0.0,"latitude":0.0,"depth":0,"seismic_amplitude":4.2,"frequency":0,"phase_type":"","data_quality":0,"network_status":0,"arrival_ms":0}}"#
        );
    }

    #[test]
    fn what_json_cannot_say_is_a_word() {
        for (amplitude, word) in
            [(f32::NAN, "NaN"), (f32::INFINITY, "Infinity"), (f32::NEG_INFINITY, "-Infinity")]
        {
            let record = SeismicRecord { seismic_amplitude: amplitude, ..Default::default() };
            let json = line(&record.encode_to_vec(), Content::Records);
            assert!(json.contains(&format!(r#""seismic_amplitude":"{word}""#)), "{json}");
        }
    }

    #[test]
    fn unparseable_bytes_are_shown_as_they_are() {
        let json = line(&[0xff, 0xff], Content::Records);
        assert!(json.ends_with(r#""value":null,"bytes":"//8="}"#), "{json}");
    }

    #[test]
    fn packed_messages_list_their_records() {
        let batch = SeismicRecordBatch { records: vec![SeismicRecord::default(); 2] };
        let json = line(&batch.encode_to_vec(), Content::Records);
        assert_eq!(json.matches("sensor_id").count(), 2);
        assert!(json.contains(r#""value":{"records":[{"#), "{json}");
    }

    #[test]
    fn a_row_has_every_column_under_its_name_in_order() {
        let row = SeismicAggRecord {
            sensor_id: "S\"1".to_owned(),
            window_start_ts: -1_000,
            avg_amplitude: 4.2,
            max_amplitude: f32::INFINITY,
            record_count: 25,
            mean_amplitude: 1e-7,
            rms_amplitude: f64::NAN,
            closed_by: ClosedBy::End.into(),
            closing_offset: i64::MAX,
            ..Default::default()
        };
        let json = line(&row.encode_to_vec(), Content::Rows);
        let expected = r#""value":{"sensor_id":"S\"1","window_start_ts":-1000,"window_end_ts":0,"avg_amplitude":4.2,"max_amplitude":"Infinity","min_amplitude":0.0,"p_phase_count":0,"s_phase_count":0,"n_phase_count":0,"record_count":25,"mean_amplitude":1e-7,"rms_amplitude":"NaN","first_sample_ts":0,"last_sample_ts":0,"closed_by":"end","input_partition":0,"closing_offset":9223372036854775807,"rsam":0.0,"std_amplitude":0.0,"peak_to_peak":0.0,"first_amplitude":0.0,"last_amplitude":0.0,"sample_interval_ms":0.0,"gap_fraction":0.0,"pane":0,"rejected_count":0,"clipped_count":0,"repeat_count":0,"clock_era":0}}"#;
        assert!(json.ends_with(expected), "{json}");
    }

    #[test]
    fn rows_say_what_closed_them_in_a_word() {
        let row = SeismicAggRecord { closed_by: ClosedBy::Idle.into(), ..Default::default() };
        let json = line(&row.encode_to_vec(), Content::Rows);
        assert!(json.contains(r#""closed_by":"idle""#), "{json}");
    }
}
