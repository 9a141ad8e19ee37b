//! Shifts records in time: event time and arrival equally, so that all intervals are preserved.

use seismic_queue::limits::MESSAGE_BYTES;

use crate::codec::{encode, for_each_record, is_packed, pack_record};

/// Moves records by a fixed time.
pub(crate) struct TimeShift {
    by_ms: i64,
    /// The value of the last message, and one record of it.
    value: Vec<u8>,
    record: Vec<u8>,
}

impl TimeShift {
    pub(crate) fn new(by_ms: i64) -> Self {
        TimeShift { by_ms, value: Vec::new(), record: Vec::new() }
    }

    /// The value with its records moved; unchanged where it is not a record. An unknown arrival
    /// stays unknown, and times at the ends of the numbers stay there. The key is asked for because
    /// a message of the largest size may not grow, as larger numbers would make it.
    pub(crate) fn apply<'a>(&'a mut self, key: &[u8], value: &'a [u8]) -> &'a [u8] {
        let (into, bytes, by_ms) = (&mut self.value, &mut self.record, self.by_ms);
        let packed = is_packed(value);
        into.clear();
        let whole = for_each_record(value, |mut record| {
            record.collect_timestamp = record.collect_timestamp.saturating_add(by_ms);
            if record.arrival_ms != 0 {
                record.arrival_ms = record.arrival_ms.saturating_add(by_ms);
            }
            bytes.clear();
            encode(&record, bytes);
            if packed {
                pack_record(into, bytes);
            } else {
                into.extend_from_slice(bytes);
            }
        });
        let fits = key.len() + into.len() <= MESSAGE_BYTES;
        if whole.is_some() && fits { into } else { value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use seismic_proto::{Message, SeismicRecord, SeismicRecordBatch};

    fn record(time_ms: i64, arrival_ms: i64) -> SeismicRecord {
        SeismicRecord {
            sensor_id: "S".into(),
            collect_timestamp: time_ms,
            seismic_amplitude: -0.0,
            arrival_ms,
            ..Default::default()
        }
    }

    #[test]
    fn both_times_move_and_nothing_else() {
        let mut shift = TimeShift::new(1_000);
        let one = record(5, 7).encode_to_vec();
        let back = SeismicRecord::decode(shift.apply(b"S", &one)).unwrap();
        assert_eq!(back, SeismicRecord { seismic_amplitude: 0.0, ..record(1_005, 1_007) });
        let batch = SeismicRecordBatch { records: vec![record(5, 0), record(i64::MAX, 1)] };
        let packed = batch.encode_to_vec();
        let back = SeismicRecordBatch::decode(shift.apply(b"S", &packed)).unwrap();
        assert_eq!(back.records, [record(1_005, 0), record(i64::MAX, 1_001)]);
    }

    #[test]
    fn what_is_no_record_stays_as_it_is() {
        let mut cut = Vec::new();
        pack_record(&mut cut, &record(5, 7).encode_to_vec());
        cut.truncate(cut.len() - 1);
        for value in [&[0xff, 0xff][..], &cut] {
            assert_eq!(TimeShift::new(9).apply(b"S", value), value);
        }
    }
}
