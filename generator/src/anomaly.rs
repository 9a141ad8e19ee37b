//! Deliberate faults. Each function violates exactly one property of a valid record, so that every
//! pipeline rejects it for exactly one reason.
//!
//! The order in which pipelines clean: the message decodes, sensor id, quality,
//! amplitude, position, phase, valid years, future, late. Every other property
//! stays valid.

use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, SeismicRecordBatch};

use crate::limits;
use crate::random::Random;
use crate::record_kind::RecordKind;

/// Invalid phases; a lower-case letter and the empty one are among them.
const NO_PHASES: [&str; 5] = ["X", "p", "PS", "", "Pn"];

/// Longest message of random bytes.
const RANDOM_BYTES: u32 = 64;

/// Breaks one field of a valid record. `newest_ms` is the newest event time that its sensor has
/// published. Kinds that are not about a field change nothing here.
pub(crate) fn break_field(
    kind: RecordKind,
    record: &mut SeismicRecord,
    newest_ms: i64,
    random: &mut Random,
) {
    let sign = random.one_of(&[-1.0, 1.0]);
    match kind {
        RecordKind::BadQuality => record.data_quality = random.one_of(&[0, 0, 0, 2, -1]),
        RecordKind::AmplitudeOutOfRange => {
            record.seismic_amplitude = (sign * random.between(201.0, 1e6)) as f32;
        }
        RecordKind::NanAmplitude => record.seismic_amplitude = f32::NAN,
        RecordKind::InfiniteAmplitude => record.seismic_amplitude = f32::INFINITY * sign as f32,
        RecordKind::BadLongitude => record.longitude = sign * random.between(180.001, 1_000.0),
        RecordKind::BadLatitude => record.latitude = sign * random.between(90.001, 1_000.0),
        RecordKind::EmptySensor => record.sensor_id.clear(),
        RecordKind::BadPhase => {
            record.phase_type.clear();
            record.phase_type.push_str(random.one_of(&NO_PHASES));
        }
        RecordKind::FutureTime => record.collect_timestamp = within(&limits::FUTURE_MS, random),
        RecordKind::Late => record.collect_timestamp = newest_ms - within(&limits::LATE_MS, random),
        RecordKind::Valid
        | RecordKind::Truncated
        | RecordKind::RandomBytes
        | RecordKind::EmptyMessage
        | RecordKind::Duplicate => {}
    }
}

fn within(range: &std::ops::RangeInclusive<i64>, random: &mut Random) -> i64 {
    random.between(*range.start() as f64, *range.end() as f64) as i64
}

/// Cuts a record's bytes somewhere inside a field.
pub(crate) fn truncate(record: &mut Vec<u8>, random: &mut Random) {
    loop {
        // Most cuts are inside a field: a record has about 60 bytes and 8 ends of fields.
        let cut = 1 + random.below(record.len() as u32 - 1) as usize;
        if SeismicRecord::decode(&record[..cut]).is_err() {
            record.truncate(cut);
            return;
        }
    }
}

/// Puts bytes into `message` that decode neither as a record nor as packed records.
pub(crate) fn random_bytes(message: &mut Vec<u8>, random: &mut Random) {
    loop {
        message.resize(1 + random.below(RANDOM_BYTES) as usize, 0);
        random.fill(message);
        let packed = message[0] == BATCH_FIRST_BYTE
            && SeismicRecordBatch::decode(message.as_slice()).is_ok();
        if !packed && SeismicRecord::decode(message.as_slice()).is_err() {
            return;
        }
    }
}
