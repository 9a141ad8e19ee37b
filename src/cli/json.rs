//! Messages as JSON: the proto's field names, every field written, also zeros.
//!
//! 64-bit integers are numbers; floats are in shortest round-trip form, and those that JSON cannot
//! say are `"NaN"`, `"Infinity"` and `"-Infinity"`; bytes are base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seismic_proto::{
    BATCH_FIRST_BYTE, ClosedBy, Message as _, SeismicAggRecord, SeismicDeadLetter, SeismicRecord,
    SeismicRecordBatch,
};
use serde::{Serialize, Serializer};

/// What the messages of a topic are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Records, packed or not.
    Records,
    /// Result rows.
    Rows,
    /// Dead letters.
    DeadLetters,
}

/// One message, as `read --format json` prints it.
#[derive(Serialize)]
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
#[derive(Serialize)]
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
            Content::Rows => SeismicAggRecord::decode(bytes).ok().map(|row| Value::Row(row.into())),
            Content::DeadLetters => {
                SeismicDeadLetter::decode(bytes).ok().map(|letter| Value::DeadLetter(letter.into()))
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
        }
    }
}

/// [`SeismicRecord`] with all its fields.
#[derive(Serialize)]
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

/// [`SeismicAggRecord`] with all its fields.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct Row {
    pub sensor_id: String,
    pub window_start_ts: i64,
    pub window_end_ts: i64,
    #[serde(serialize_with = "float")]
    pub avg_amplitude: f32,
    #[serde(serialize_with = "float")]
    pub max_amplitude: f32,
    #[serde(serialize_with = "float")]
    pub min_amplitude: f32,
    pub p_phase_count: i32,
    pub s_phase_count: i32,
    pub n_phase_count: i32,
    pub record_count: i64,
    #[serde(serialize_with = "double")]
    pub mean_amplitude: f64,
    #[serde(serialize_with = "double")]
    pub rms_amplitude: f64,
    pub first_sample_ts: i64,
    pub last_sample_ts: i64,
    pub closed_by: &'static str,
    pub input_partition: i32,
    pub closing_offset: i64,
    #[serde(serialize_with = "double")]
    pub rsam: f64,
    #[serde(serialize_with = "double")]
    pub std_amplitude: f64,
    #[serde(serialize_with = "double")]
    pub peak_to_peak: f64,
    #[serde(serialize_with = "float")]
    pub first_amplitude: f32,
    #[serde(serialize_with = "float")]
    pub last_amplitude: f32,
    #[serde(serialize_with = "double")]
    pub sample_interval_ms: f64,
    #[serde(serialize_with = "double")]
    pub gap_fraction: f64,
    pub pane: i32,
}

impl From<SeismicAggRecord> for Row {
    fn from(row: SeismicAggRecord) -> Self {
        Row {
            closed_by: closed_by(row.closed_by()),
            sensor_id: row.sensor_id,
            window_start_ts: row.window_start_ts,
            window_end_ts: row.window_end_ts,
            avg_amplitude: row.avg_amplitude,
            max_amplitude: row.max_amplitude,
            min_amplitude: row.min_amplitude,
            p_phase_count: row.p_phase_count,
            s_phase_count: row.s_phase_count,
            n_phase_count: row.n_phase_count,
            record_count: row.record_count,
            mean_amplitude: row.mean_amplitude,
            rms_amplitude: row.rms_amplitude,
            first_sample_ts: row.first_sample_ts,
            last_sample_ts: row.last_sample_ts,
            input_partition: row.input_partition,
            closing_offset: row.closing_offset,
            rsam: row.rsam,
            std_amplitude: row.std_amplitude,
            peak_to_peak: row.peak_to_peak,
            first_amplitude: row.first_amplitude,
            last_amplitude: row.last_amplitude,
            sample_interval_ms: row.sample_interval_ms,
            gap_fraction: row.gap_fraction,
            pane: row.pane,
        }
    }
}

/// [`SeismicDeadLetter`] with all its fields.
#[derive(Serialize)]
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
        }
    }
}

/// `time`, `idle` or `end`; `unknown` when another program wrote something else.
pub fn closed_by(closed_by: ClosedBy) -> &'static str {
    match closed_by {
        ClosedBy::Unknown => "unknown",
        ClosedBy::Time => "time",
        ClosedBy::Idle => "idle",
        ClosedBy::End => "end",
    }
}

fn float<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    match unspeakable(f64::from(*value)) {
        Some(word) => serializer.serialize_str(word),
        None => serializer.serialize_f32(*value),
    }
}

fn double<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    match unspeakable(*value) {
        Some(word) => serializer.serialize_str(word),
        None => serializer.serialize_f64(*value),
    }
}

fn unspeakable(value: f64) -> Option<&'static str> {
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
    fn rows_say_what_closed_them_in_a_word() {
        let row = SeismicAggRecord { closed_by: ClosedBy::Idle.into(), ..Default::default() };
        let json = line(&row.encode_to_vec(), Content::Rows);
        assert!(json.contains(r#""closed_by":"idle""#), "{json}");
    }
}
