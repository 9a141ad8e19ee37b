//! The fast path for a record as it is usually encoded: fields in order of their numbers, and
//! varints of their usual size.
//!
//! It reads fields as long as they are the expected ones and leaves the rest to the general loop.
//! Each step consumes exactly one field or several and sets what the loop would have set, so the
//! result is the same with and without it; the tests compare both.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]
#![cfg_attr(test, allow(clippy::indexing_slicing, clippy::unwrap_used))]

use crate::engine::windows::decode::cursor::Cursor;
use crate::engine::windows::decode::record::{ByteRange, Phase, Record};

/// The keys of the event time and of what comes after it, longitude, as [`time`] takes them.
const TIME_KEYS: u64 = 0x1900_0000_0000_0010;

/// Reads from the front of `at` what is as usual.
#[inline(always)]
pub(super) fn read(at: &mut Cursor<'_>, record: &mut Record) {
    if let Some((sensor, rest)) = sensor(at) {
        record.sensor = sensor;
        at.rest = rest;
    }
    if let Some((&word, rest)) = at.rest.split_first_chunk()
        && let Some(time_ms) = time(u64::from_le_bytes(word), TIME_KEYS)
        && let Some(((longitude, latitude), rest)) = position(rest)
    {
        (record.time_ms, record.longitude, record.latitude) = (time_ms, longitude, latitude);
        at.rest = rest;
    }
    // Depth and frequency are not used.
    if let [0x28, 0..0x80, rest @ ..] = at.rest {
        at.rest = rest;
    }
    if let Some((&[0x35, a, b, c, d], rest)) = at.rest.split_first_chunk() {
        record.amplitude = f32::from_le_bytes([a, b, c, d]);
        at.rest = rest;
    }
    if let [0x38, 0..0x80, rest @ ..] | [0x38, 0x80..=0xff, 0..0x80, rest @ ..] = at.rest {
        at.rest = rest;
    }
    if let [0x42, 1, letter @ 0..0x80, rest @ ..] = at.rest {
        record.phase = Phase::of(&[*letter]);
        at.rest = rest;
    }
    if let [0x48, quality @ 0..0x80, rest @ ..] = at.rest {
        record.quality = i32::from(*quality);
        at.rest = rest;
    }
    if let [0x50, 0..0x80, rest @ ..] = at.rest {
        at.rest = rest;
    }
    if let Some((&[key, a, b, c, d, e, f], rest)) = at.rest.split_first_chunk()
        && let Some(time_ms) = time(u64::from_le_bytes([key, a, b, c, d, e, f, 0]), 0x58)
    {
        record.arrival_ms = time_ms;
        at.rest = rest;
    }
}

/// The event time of a message that is one record, where it is in its usual place.
#[inline]
pub(super) fn event_time(message: &[u8]) -> Option<i64> {
    let [0x0a, len @ 0..0x80, rest @ ..] = message else {
        return None;
    };
    let (_, rest) = rest.split_at_checked(usize::from(*len))?;
    let (&word, _) = rest.split_first_chunk()?;
    time(u64::from_le_bytes(word), TIME_KEYS)
}

/// A short sensor id in ASCII, and what comes after it.
#[inline]
fn sensor<'a>(at: &Cursor<'a>) -> Option<(ByteRange, &'a [u8])> {
    let [0x0a, len @ 0..0x80, rest @ ..] = at.rest else {
        return None;
    };
    let (id, after) = rest.split_at_checked(usize::from(*len))?;
    let place = ByteRange { start: at.back(rest.len()), end: at.back(after.len()) };
    is_ascii(id).then_some((place, after))
}

/// As `<[u8]>::is_ascii`, sooner for up to 16 bytes: two words that may overlap.
#[inline]
fn is_ascii(id: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    if let (Some(first), Some(last), ..=16) = (id.first_chunk(), id.last_chunk(), id.len()) {
        return (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & HIGH == 0;
    }
    if let (Some(first), Some(last), ..=8) = (id.first_chunk(), id.last_chunk(), id.len()) {
        return (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & HIGH as u32 == 0;
    }
    id.is_ascii()
}

/// A time between two keys, which make a word: six bytes of varint, which reach from 2004 to 2109.
#[inline]
fn time(word: u64, keys: u64) -> Option<i64> {
    // Of a byte of the varint, the bit that says whether another one follows.
    const FIXED: u64 = 0xff80_8080_8080_80ff;
    const FOLLOWED: u64 = 0x0000_8080_8080_8000;
    if word & FIXED != keys | FOLLOWED {
        return None;
    }
    // Lanes of 7 bits become lanes of 14, then one number.
    let sevens = (word >> 8) & 0x7f7f_7f7f_7f7f;
    let pairs = (sevens & 0x007f_007f_007f) | ((sevens & 0x7f00_7f00_7f00) >> 1);
    let low = (pairs & 0x3fff) | ((pairs >> 2) & 0x0fff_c000);
    Some((low | ((pairs >> 32) << 28)) as i64)
}

/// Longitude without its key, latitude with it.
#[inline]
fn position(rest: &[u8]) -> Option<((f64, f64), &[u8])> {
    let (longitude, rest) = rest.split_first_chunk()?;
    let (&[0x21, a, b, c, d, e, f, g, h], rest) = rest.split_first_chunk()? else {
        return None;
    };
    let latitude = f64::from_le_bytes([a, b, c, d, e, f, g, h]);
    Some(((f64::from_le_bytes(*longitude), latitude), rest))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use seismic_proto::{BATCH_FIRST_BYTE, Message, SeismicRecord, encode_length_delimiter};

    use super::super::{
        DEPTH, Record, RecordKey, any_event_time, decode, decode_keys, first_event_time, rest,
    };
    use super::*;

    prop_compose! {
        /// Bytes of a record with the values that sensors have, and with those that they do not.
        fn written()(
            sensor_id in "[A-Z]{0,9}|[A-Z0-9.]{9,30}|\\PC{0,8}",
            times in (ms(), ms()),
            floats in any::<(f64, f64, f32)>(),
            numbers in (number(), number(), number(), number()),
            phase_type in "[PSNX\u{e9}]{0,2}",
        ) -> Vec<u8> {
            let (collect_timestamp, arrival_ms) = times;
            let (longitude, latitude, seismic_amplitude) = floats;
            let (depth, frequency, data_quality, network_status) = numbers;
            SeismicRecord {
                sensor_id, collect_timestamp, longitude, latitude, depth, seismic_amplitude,
                frequency, phase_type, data_quality, network_status, arrival_ms,
            }
            .encode_to_vec()
        }
    }

    fn ms() -> impl Strategy<Value = i64> {
        prop_oneof![1_000_000_000_000..4_500_000_000_000i64, any::<i64>(), Just(0)]
    }

    fn number() -> impl Strategy<Value = i32> {
        prop_oneof![0..128, 0..20_000, any::<i32>()]
    }

    /// Keys of our fields, with bytes that may be their values.
    fn fields() -> impl Strategy<Value = Vec<u8>> {
        let keys = [0x0a, 0x10, 0x19, 0x21, 0x28, 0x35, 0x38, 0x42, 0x48, 0x50, 0x58];
        let byte = prop_oneof![select(&[0u8, 1, 2, 4, 0x7f, 0x80, 0xff, b'P'][..]), any::<u8>()];
        let field = (select(keys.to_vec()), vec(byte, 0..10));
        vec(field, 0..12).prop_map(|fields| {
            fields.into_iter().flat_map(|(key, rest)| [vec![key], rest].concat()).collect()
        })
    }

    /// What comes of the bytes without the short way.
    fn slowly(bytes: &[u8]) -> Option<String> {
        let (at, mut records) = (Cursor::over(bytes)?, Vec::new());
        let record = Record { bytes: at.range(), ..Record::default() };
        rest(at, record, DEPTH, &mut records).map(|()| told(&records))
    }

    /// And with it.
    fn shortly(bytes: &[u8]) -> Option<String> {
        let mut records = Vec::new();
        decode(bytes, &mut records).ok().map(|()| told(&records))
    }

    /// The one record, and the bits of its floats.
    fn told(records: &[Record]) -> String {
        let [one] = records else { panic!("{} records and not one", records.len()) };
        let positions = [one.longitude.to_bits(), one.latitude.to_bits()];
        format!("{one:?} {positions:x?} {:x}", one.amplitude.to_bits())
    }

    fn same(bytes: &[u8]) -> Result<(), TestCaseError> {
        // What begins as a packed message is none of these.
        prop_assume!(bytes.first() != Some(&BATCH_FIRST_BYTE));
        prop_assert_eq!(shortly(bytes), slowly(bytes), "{:02x?}", bytes);
        prop_assert_eq!(first_event_time(bytes), any_event_time(bytes), "{:02x?}", bytes);
        same_keys(bytes)
    }

    /// Keys are those of the records, and what has no records has no keys.
    fn same_keys(bytes: &[u8]) -> Result<(), TestCaseError> {
        let (mut records, mut keys) = (Vec::new(), Vec::new());
        let decoded = decode(bytes, &mut records);
        prop_assert_eq!(decode_keys(bytes, &mut keys), decoded, "{:02x?}", bytes);
        let key = |record: &Record| RecordKey { bytes: record.bytes, sensor: record.sensor };
        if decoded.is_ok() {
            prop_assert_eq!(keys, records.iter().map(key).collect::<Vec<_>>());
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_record_is_the_same_with_the_short_way_and_without(bytes in written()) {
            same(&bytes)?;
        }

        #[test]
        fn a_damaged_record_is_the_same_with_the_short_way_and_without(
            mut bytes in written(), flips in vec((any::<Index>(), any::<u8>()), 1..4),
            cut in any::<Index>(),
        ) {
            prop_assume!(!bytes.is_empty());
            same(&bytes[..cut.index(bytes.len())])?;
            for (at, byte) in flips {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                same(&bytes)?;
            }
        }

        #[test]
        fn fields_that_come_twice_are_the_same_with_the_short_way_and_without(
            all in vec(written(), 2..4)
        ) {
            same(&all.concat())?;
        }

        #[test]
        fn keys_of_a_pack_are_those_of_its_records_whole_and_damaged(
            all in vec(written(), 0..4), flip in (any::<Index>(), any::<u8>()),
        ) {
            let mut bytes = Vec::new();
            for record in &all {
                bytes.push(BATCH_FIRST_BYTE);
                encode_length_delimiter(record.len(), &mut bytes).unwrap();
                bytes.extend_from_slice(record);
            }
            same_keys(&bytes)?;
            if !bytes.is_empty() {
                let at = flip.0.index(bytes.len());
                bytes[at] = flip.1;
                same_keys(&bytes)?;
                prop_assert_eq!(first_event_time(&bytes), any_event_time(&bytes));
            }
        }

        #[test]
        fn bytes_like_fields_are_the_same_with_the_short_way_and_without(bytes in fields()) {
            same(&bytes)?;
        }
    }

    #[test]
    fn a_record_as_sensors_send_it_needs_nothing_but_the_short_way() {
        for arrival_ms in [0, 1_600_000_000_100] {
            let bytes = SeismicRecord {
                sensor_id: "MX.OXJM.00.HNZ".into(),
                collect_timestamp: 1_600_000_000_000,
                longitude: -95.9,
                latitude: 15.8,
                depth: 22,
                seismic_amplitude: 1.5,
                frequency: 200,
                phase_type: "N".into(),
                data_quality: 1,
                network_status: 1,
                arrival_ms,
            }
            .encode_to_vec();
            let (mut at, mut record) = (Cursor::over(&bytes).unwrap(), Record::default());
            read(&mut at, &mut record);
            assert!(at.is_done(), "{:02x?} is left", at.rest);
            assert_eq!((record.time_ms, record.arrival_ms), (1_600_000_000_000, arrival_ms));
            assert_eq!((record.sensor.of(&bytes), record.quality), (&b"MX.OXJM.00.HNZ"[..], 1));
        }
    }
}
