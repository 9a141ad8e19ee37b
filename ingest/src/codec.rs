//! The value of a message: one record, or several packed ones.
//!
//! Records are decoded one by one, so that a large pack takes no more memory than its bytes.

use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, encode_length_delimiter};

/// Adds the bytes of a record: what `prost` writes, and negative zeros, which `prost` leaves out as
/// if they were the default. Protobuf's own libraries tell the two zeros apart, and so do we.
pub(crate) fn encode(record: &SeismicRecord, into: &mut Vec<u8>) {
    record.encode(into).expect("a vector grows as needed");
    for (number, value) in [(3, record.longitude), (4, record.latitude)] {
        if value == 0.0 && value.is_sign_negative() {
            into.push((number << 3) | 1);
            into.extend_from_slice(&value.to_le_bytes());
        }
    }
    let amplitude = record.seismic_amplitude;
    if amplitude == 0.0 && amplitude.is_sign_negative() {
        into.push((6 << 3) | 5);
        into.extend_from_slice(&amplitude.to_le_bytes());
    }
}

/// How many bytes [`encode`] adds.
pub(crate) fn encoded_len(record: &SeismicRecord) -> usize {
    let is_left_out = |value: f64| value == 0.0 && value.is_sign_negative();
    let doubles = [record.longitude, record.latitude].into_iter().filter(|&it| is_left_out(it));
    record.encoded_len()
        + 9 * doubles.count()
        + 5 * usize::from(is_left_out(record.seismic_amplitude.into()))
}

/// Adds one encoded record to an encoded `SeismicRecordBatch`.
pub(crate) fn pack_record(batch: &mut Vec<u8>, record: &[u8]) {
    batch.push(BATCH_FIRST_BYTE);
    encode_length_delimiter(record.len(), batch).expect("a vector grows as needed");
    batch.extend_from_slice(record);
}

/// Whether a value packs records.
pub(crate) fn is_packed(value: &[u8]) -> bool {
    value.first() == Some(&BATCH_FIRST_BYTE)
}

/// Calls `found` with each record of a value, up to the first that does not decode. `None` when the
/// value is not whole records; the calls before that then mean nothing.
pub(crate) fn for_each_record(
    mut value: &[u8],
    mut found: impl FnMut(SeismicRecord),
) -> Option<()> {
    if !is_packed(value) {
        found(SeismicRecord::decode(value).ok()?);
        return Some(());
    }
    while let Some((&tag, rest)) = value.split_first() {
        if tag != BATCH_FIRST_BYTE {
            return None;
        }
        value = rest;
        found(SeismicRecord::decode_length_delimited(&mut value).ok()?);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seismic_proto::SeismicRecordBatch;

    #[test]
    fn a_pack_is_what_prost_reads_and_comes_apart_again() {
        let record = SeismicRecord { sensor_id: "S001".to_owned(), ..Default::default() };
        let mut bytes = Vec::new();
        pack_record(&mut bytes, &record.encode_to_vec());
        pack_record(&mut bytes, &[]);
        let batch = SeismicRecordBatch::decode(bytes.as_slice()).unwrap();
        assert_eq!(batch.records, [record, Default::default()]);
        let mut taken = Vec::new();
        for_each_record(&bytes, |record| taken.push(record)).unwrap();
        assert_eq!(taken, batch.records);
    }

    #[test]
    fn both_zeros_are_kept_apart() {
        let negative = SeismicRecord {
            longitude: -0.0,
            latitude: -0.0,
            seismic_amplitude: -0.0,
            ..Default::default()
        };
        let mut bytes = Vec::new();
        encode(&negative, &mut bytes);
        let back = SeismicRecord::decode(bytes.as_slice()).unwrap();
        assert!(back.longitude.is_sign_negative() && back.latitude.is_sign_negative());
        assert!(back.seismic_amplitude.is_sign_negative());
        assert_eq!(encoded_len(&negative), bytes.len());
        bytes.clear();
        encode(&SeismicRecord::default(), &mut bytes);
        assert!(bytes.is_empty());
    }

    proptest! {
        #[test]
        fn what_comes_apart_is_what_prost_reads(mut bytes: Vec<u8>, packed: bool) {
            if packed {
                bytes.insert(0, BATCH_FIRST_BYTE);
            }
            let mut taken = Vec::new();
            if for_each_record(&bytes, |record| taken.push(record)).is_some() && packed {
                let batch = SeismicRecordBatch::decode(bytes.as_slice()).unwrap();
                prop_assert_eq!(format!("{:?}", batch.records), format!("{taken:?}"));
            }
        }
    }
}
