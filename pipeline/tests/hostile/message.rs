//! The decoder against `prost`, at length: whole messages, damaged ones, and bytes that look like
//! fields. `bodies.rs` has the comparison.

use proptest::prelude::*;
use seismic_pipeline::decode::{DecodeError, Record, decode};
use seismic_pipeline::limits;
use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, SeismicRecordBatch};

use crate::bodies::message as same_as_prost;

prop_compose! {
    fn any_record()(
        sensor_id in "\\PC{0,12}", collect_timestamp: i64, longitude: f64, latitude: f64,
        numbers: (i32, i32, i32, i32), seismic_amplitude: f32,
        phase_type in "[PSNX]{0,2}", arrival_ms: i64,
    ) -> SeismicRecord {
        let (depth, frequency, data_quality, network_status) = numbers;
        SeismicRecord {
            sensor_id, collect_timestamp, longitude, latitude, depth, seismic_amplitude,
            frequency, phase_type, data_quality, network_status, arrival_ms,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn records_decode_as_prost_decodes_them(record in any_record()) {
        same_as_prost(&record.encode_to_vec());
    }

    #[test]
    fn packed_records_decode_as_prost_decodes_them(
        records in prop::collection::vec(any_record(), 1..8)
    ) {
        let message = SeismicRecordBatch { records: records.clone() }.encode_to_vec();
        same_as_prost(&message);
        let mut ours = Vec::new();
        decode(&message, &mut ours).unwrap();
        for (ours, theirs) in ours.iter().zip(&records) {
            prop_assert_eq!(ours.bytes.of(&message), theirs.encode_to_vec());
        }
    }

    #[test]
    fn damaged_messages_get_prosts_verdict(
        records in prop::collection::vec(any_record(), 1..3),
        packed: bool, cut: prop::sample::Index, flip: prop::sample::Index, bit in 0u8..8,
    ) {
        let whole = if packed {
            SeismicRecordBatch { records }.encode_to_vec()
        } else {
            records[0].encode_to_vec()
        };
        same_as_prost(&whole[..cut.index(whole.len() + 1)]);
        if !whole.is_empty() {
            let mut flipped = whole.clone();
            flipped[flip.index(whole.len())] ^= 1 << bit;
            same_as_prost(&flipped);
        }
    }

    #[test]
    fn random_bytes_get_prosts_verdict(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        same_as_prost(&bytes);
        let packed = [&[BATCH_FIRST_BYTE][..], &bytes].concat();
        same_as_prost(&packed);
    }

    /// Keys, lengths and groups are far likelier here than in uniform bytes.
    #[test]
    fn bytes_that_look_like_fields_get_prosts_verdict(
        bytes in prop::collection::vec(prop::sample::select(&[
            0u8, 1, 2, 3, 0x08, 0x0a, 0x10, 0x19, 0x35, 0x42, 0x48, 0x63, 0x64, 0x6b, 0x6c,
            0x7a, 0x7b, 0x80, 0x81, 0x8a, 0xff, b'P',
        ][..]), 0..40)
    ) {
        same_as_prost(&bytes);
    }
}

#[test]
fn an_empty_message_is_a_default_record() {
    let mut records = Vec::new();
    decode(&[], &mut records).unwrap();
    assert_eq!(records, [Record::default()]);
}

#[test]
fn groups_nest_as_deep_as_in_prost_and_no_deeper() {
    for depth in [98, 99, 100, 101, 5_000] {
        let mut message = vec![0x63; depth];
        message.extend(vec![0x64; depth]);
        same_as_prost(&message);
        let mut packed = vec![BATCH_FIRST_BYTE];
        seismic_proto::encode_length_delimiter(message.len(), &mut packed).unwrap();
        packed.extend(&message);
        same_as_prost(&packed);
    }
}

#[test]
fn a_message_of_endless_empty_records_is_refused_without_holding_them() {
    let message = [BATCH_FIRST_BYTE, 0].repeat(limits::RECORDS_PER_MESSAGE + 1);
    let mut records = Vec::new();
    assert_eq!(decode(&message, &mut records), Err(DecodeError::TooManyRecords));
    assert_eq!(decode(&message[2..], &mut records), Ok(()));
}
