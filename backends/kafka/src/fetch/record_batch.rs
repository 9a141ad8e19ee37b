//! Record batches, version 2, as brokers store and send them
//! (<https://kafka.apache.org/documentation/#recordbatch>).
//!
//! A batch is a header of 61 bytes and its records, compressed together or not. Its CRC covers
//! everything after the CRC field: not the base offset, nor the leader epoch, which brokers fill
//! in. Message headers are skipped.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::ops::Range;

use seismic_queue::backend::byte_reader::Bytes;

/// Bytes before the length ends: the first offset and the length itself.
const BEFORE_LENGTH: usize = 12;
/// Where a batch or an older message has the version of its layout.
const VERSION_AT: usize = 16;
/// Bits of the attributes.
const COMPRESSION: i16 = 0b111;
const APPEND_TIME: i16 = 1 << 3;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// What a partition's bytes begin with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// A whole batch, not yet checked; that many bytes.
    Batch(RecordBatch<'a>, usize),
    /// Nothing, or the beginning of a batch: a broker cuts at the size that was asked for.
    Cut,
    /// Something older than record batches.
    Old,
    /// No batch.
    Spoiled,
}

/// A whole batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RecordBatch<'a> {
    /// Offset of the first message that there was, also when it is gone since.
    pub(super) base: u64,
    /// Behind the last one.
    pub(super) end: u64,
    pub(super) leader_epoch: i32,
    pub(super) producer: i64,
    attributes: i16,
    first_ms: i64,
    last_ms: i64,
    count: i32,
    crc: u32,
    checked: &'a [u8],
    /// Its records, as they were sent.
    pub(super) packed: &'a [u8],
}

/// One message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) offset: u64,
    pub(super) append_ms: i64,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Looks at what comes next.
pub(super) fn next(bytes: &[u8]) -> Next<'_> {
    let mut head = Bytes(bytes);
    let (Some(base), Some(length)) = (head.i64(), head.i32()) else { return Next::Cut };
    let (Ok(base), Ok(length)) = (u64::try_from(base), usize::try_from(length)) else {
        return Next::Spoiled;
    };
    match bytes.get(VERSION_AT) {
        None => return Next::Cut,
        Some(0 | 1) => return Next::Old,
        Some(2) => {}
        Some(_) => return Next::Spoiled,
    }
    let Some(batch) = head.take(length) else { return Next::Cut };
    match parse(base, batch) {
        Some(batch) => Next::Batch(batch, BEFORE_LENGTH.saturating_add(length)),
        None => Next::Spoiled,
    }
}

fn parse(base: u64, batch: &[u8]) -> Option<RecordBatch<'_>> {
    let mut rest = Bytes(batch);
    let (leader_epoch, _version, crc) = (rest.i32()?, rest.u8()?, rest.u32()?);
    let checked = rest.0;
    let (attributes, last_delta) = (rest.i16()?, rest.i32()?);
    let (first_ms, last_ms, producer) = (rest.i64()?, rest.i64()?, rest.i64()?);
    let (_producer_epoch, _sequence, count) = (rest.i16()?, rest.i32()?, rest.i32()?);
    let end = base.checked_add(u64::try_from(last_delta).ok()?)?.checked_add(1)?;
    // Offsets are signed to everyone else.
    if end > i64::MAX as u64 || count < 0 {
        return None;
    }
    let packed = rest.0;
    Some(RecordBatch {
        base,
        end,
        leader_epoch,
        producer,
        attributes,
        first_ms,
        last_ms,
        count,
        crc,
        checked,
        packed,
    })
}

impl<'a> RecordBatch<'a> {
    /// What it says of its records, without them.
    pub(super) fn head(&self) -> RecordBatch<'static> {
        RecordBatch { checked: &[], packed: &[], ..*self }
    }

    /// How many records it has.
    pub(super) fn count(&self) -> i32 {
        self.count
    }

    /// Whether it is what its producer sent.
    pub(super) fn is_whole(&self) -> bool {
        crc32c::crc32c(self.checked) == self.crc
    }

    /// How its records are compressed: `CompressionType` of the protocol.
    pub(super) fn compression(&self) -> i16 {
        self.attributes & COMPRESSION
    }

    /// Whether its messages count only when their transaction is committed.
    pub(super) fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL != 0
    }

    /// Whether it is no message at all, but the end of a transaction.
    pub(super) fn is_control(&self) -> bool {
        self.attributes & CONTROL != 0
    }

    /// Whether it is the end of a transaction that does not count (`EndTransactionMarker`: a
    /// version and a kind as the key, and kind 0 is an abort).
    pub(super) fn is_abort(&self) -> bool {
        let mut kind = None;
        let mut look = |record: Record<'_>| {
            let mut key = Bytes(record.key);
            kind = kind.or(key.i16().and_then(|_version| key.i16()));
        };
        self.is_control() && self.each(self.packed, &mut look).is_some() && kind == Some(0)
    }

    /// Gives every record; `unpacked` are its records uncompressed. `None` when they are not what
    /// its head says; some may have been given then.
    pub(super) fn each(&self, unpacked: &'a [u8], give: &mut impl FnMut(Record<'a>)) -> Option<()> {
        let mut rest = Bytes(unpacked);
        for _ in 0..self.count {
            give(self.record(&mut rest)?);
        }
        rest.0.is_empty().then_some(())
    }

    fn record(&self, rest: &mut Bytes<'a>) -> Option<Record<'a>> {
        let length = usize::try_from(rest.varint()?).ok()?;
        self.record_of(rest.take(length)?)
    }

    /// The record that these bytes are, which its length stands before.
    pub(super) fn record_of<'b>(&self, bytes: &'b [u8]) -> Option<Record<'b>> {
        let mut record = Bytes(bytes);
        let _attributes = record.u8()?;
        let (ms, delta) = (record.varint()?, u64::try_from(record.varint()?).ok()?);
        let offset = self.base.checked_add(delta).filter(|offset| *offset < self.end)?;
        let is_append_time = self.attributes & APPEND_TIME != 0;
        let append_ms =
            if is_append_time { self.last_ms } else { self.first_ms.checked_add(ms)? };
        let (key, value) = (part(&mut record)?, part(&mut record)?);
        Some(Record { offset, append_ms, key, value })
    }
}

/// A key or a value; one that is not there is as good as an empty one.
fn part<'a>(record: &mut Bytes<'a>) -> Option<&'a [u8]> {
    match record.varint()? {
        -1 => Some(&[]),
        length => record.take(usize::try_from(length).ok()?),
    }
}

/// Where whole batches lead, and what must be done about what is no batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// The whole batches, of what was scanned.
    pub(super) whole: Range<usize>,
    /// Behind the last message, and the epoch of the leader that took it; `None` without a batch.
    pub(super) end: Option<(u64, i32)>,
    /// There is something older than record batches.
    pub(super) is_old: bool,
    /// There is something that is no batch.
    pub(super) is_spoiled: bool,
}

/// Looks at the heads of all batches between two places.
pub(super) fn scan(bytes: &[u8], within: Range<usize>) -> Scan {
    let mut scan =
        Scan { whole: within.start..within.start, end: None, is_old: false, is_spoiled: false };
    loop {
        match next(bytes.get(scan.whole.end..within.end).unwrap_or_default()) {
            Next::Batch(batch, length) => {
                let is_behind = scan.end.is_none_or(|(end, _)| batch.base >= end);
                if !is_behind {
                    scan.is_spoiled = true;
                    return scan;
                }
                scan.whole.end = scan.whole.end.saturating_add(length);
                scan.end = Some((batch.end, batch.leader_epoch));
            }
            Next::Cut => return scan,
            Next::Old => {
                scan.is_old = true;
                return scan;
            }
            Next::Spoiled => {
                scan.is_spoiled = true;
                return scan;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A batch as a producer would write it.
    #[derive(Clone, Debug)]
    pub(in crate::fetch) struct Written {
        pub(in crate::fetch) base: u64,
        pub(in crate::fetch) attributes: i16,
        pub(in crate::fetch) producer: i64,
        pub(in crate::fetch) first_ms: i64,
        pub(in crate::fetch) last_ms: i64,
        pub(in crate::fetch) records: Vec<Sent>,
        /// Messages behind the last that are gone.
        pub(in crate::fetch) gone: i32,
    }

    /// A message: ms behind the first, key, value, headers. The offset before it may be missing.
    #[derive(Clone, Debug)]
    pub(in crate::fetch) struct Sent {
        pub(in crate::fetch) skipped: i32,
        pub(in crate::fetch) ms: i64,
        pub(in crate::fetch) key: Option<Vec<u8>>,
        pub(in crate::fetch) value: Option<Vec<u8>>,
        pub(in crate::fetch) headers: Vec<(String, Vec<u8>)>,
    }

    fn varint(number: i64, to: &mut Vec<u8>) {
        let mut rest = ((number << 1) ^ (number >> 63)) as u64;
        while rest >= 0x80 {
            to.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        to.push(rest as u8);
    }

    fn part(part: Option<&[u8]>, to: &mut Vec<u8>) {
        varint(part.map_or(-1, |part| part.len() as i64), to);
        to.extend(part.unwrap_or_default());
    }

    impl Written {
        /// One with these values, at these offsets.
        pub(in crate::fetch) fn of(base: u64, values: &[&str]) -> Written {
            let sent = |value: &&str| Sent {
                skipped: 0,
                ms: 0,
                key: Some(b"key".to_vec()),
                value: Some(value.as_bytes().to_vec()),
                headers: Vec::new(),
            };
            let records = values.iter().map(sent).collect();
            let (first_ms, last_ms) = (10, 20);
            Written { base, attributes: 0, producer: -1, first_ms, last_ms, records, gone: 0 }
        }

        /// The end of a producer's transaction.
        pub(in crate::fetch) fn end(base: u64, producer: i64, kind: u8) -> Written {
            let mut written = Written::of(base, &["\0\0\0\0\0\0"]);
            (written.attributes, written.producer) = (CONTROL | TRANSACTIONAL, producer);
            written.records[0].key = Some(vec![0, 0, 0, kind]);
            written
        }

        /// As part of a producer's transaction.
        pub(in crate::fetch) fn by(mut self, producer: i64) -> Written {
            (self.attributes, self.producer) = (self.attributes | TRANSACTIONAL, producer);
            self
        }

        /// Offsets and what is at them.
        fn numbered(&self) -> Vec<(u64, &Sent)> {
            let mut offset = self.base;
            let number = |sent| {
                let Sent { skipped, .. }: &Sent = sent;
                let at = offset + *skipped as u64;
                offset = at + 1;
                (at, sent)
            };
            self.records.iter().map(number).collect()
        }

        /// Its records, as they are before they are compressed.
        pub(in crate::fetch) fn plain(&self) -> Vec<u8> {
            let mut bytes = Vec::new();
            for (offset, sent) in self.numbered() {
                let mut one = vec![0];
                varint(sent.ms, &mut one);
                varint((offset - self.base) as i64, &mut one);
                part(sent.key.as_deref(), &mut one);
                part(sent.value.as_deref(), &mut one);
                varint(sent.headers.len() as i64, &mut one);
                for (name, value) in &sent.headers {
                    part(Some(name.as_bytes()), &mut one);
                    part(Some(value), &mut one);
                }
                varint(one.len() as i64, &mut bytes);
                bytes.extend(one);
            }
            bytes
        }

        pub(in crate::fetch) fn bytes(&self) -> Vec<u8> {
            self.with(&self.plain())
        }

        /// With these records in place of its own.
        pub(in crate::fetch) fn with(&self, packed: &[u8]) -> Vec<u8> {
            let last = self.numbered().last().map_or(0, |(offset, _)| offset - self.base);
            let mut checked = self.attributes.to_be_bytes().to_vec();
            checked.extend((last as i32 + self.gone).to_be_bytes());
            checked.extend(self.first_ms.to_be_bytes());
            checked.extend(self.last_ms.to_be_bytes());
            checked.extend(self.producer.to_be_bytes());
            checked.extend([0; 6]);
            checked.extend((self.records.len() as i32).to_be_bytes());
            checked.extend(packed);
            let mut bytes = self.base.to_be_bytes().to_vec();
            bytes.extend((checked.len() as i32 + 9).to_be_bytes());
            bytes.extend(7_i32.to_be_bytes());
            bytes.push(2);
            bytes.extend(crc32c::crc32c(&checked).to_be_bytes());
            bytes.extend(checked);
            bytes
        }
    }

    fn sent() -> impl Strategy<Value = Sent> {
        let bytes = || prop::collection::vec(any::<u8>(), 0..200);
        let header = prop::collection::vec(("[a-z]{0,5}", bytes()), 0..3);
        let parts = (0..3, -5_000..5_000_i64, prop::option::of(bytes()), prop::option::of(bytes()));
        (parts, header).prop_map(|((skipped, ms, key, value), headers)| Sent {
            skipped,
            ms,
            key,
            value,
            headers,
        })
    }

    pub(in crate::fetch) fn written() -> impl Strategy<Value = Written> {
        let attributes = prop::sample::select(vec![0, APPEND_TIME, TRANSACTIONAL]);
        let records = prop::collection::vec(sent(), 0..8);
        let times = (0..1_i64 << 45, 0..1_i64 << 45);
        let parts = (0..1_u64 << 60, attributes, any::<i64>(), times, records, 0..3);
        parts.prop_map(|(base, attributes, producer, (first_ms, last_ms), records, gone)| Written {
            base,
            attributes,
            producer,
            first_ms,
            last_ms,
            records,
            gone,
        })
    }

    proptest! {
        #[test]
        fn a_batch_is_read_as_it_was_written(written in written()) {
            let bytes = written.bytes();
            let Next::Batch(batch, length) = next(&bytes) else { panic!("{written:?}") };
            prop_assert_eq!(length, bytes.len());
            prop_assert!(batch.is_whole());
            prop_assert_eq!((batch.base, batch.producer), (written.base, written.producer));
            let mut read = Vec::new();
            batch.each(batch.packed, &mut |record| read.push(record)).unwrap();
            prop_assert_eq!(read.len(), written.records.len());
            for (record, (offset, sent)) in read.iter().zip(written.numbered()) {
                let is_append_time = written.attributes & APPEND_TIME != 0;
                let ms = if is_append_time { written.last_ms } else { written.first_ms + sent.ms };
                prop_assert_eq!((record.offset, record.append_ms), (offset, ms));
                prop_assert_eq!(record.key, sent.key.as_deref().unwrap_or_default());
                prop_assert_eq!(record.value, sent.value.as_deref().unwrap_or_default());
            }
        }

        #[test]
        fn a_batch_that_is_cut_is_none(written in written(), cut in 0.0..1.0f64) {
            let bytes = written.bytes();
            let length = (bytes.len() as f64 * cut) as usize;
            prop_assert_eq!(next(&bytes[..length]), Next::Cut);
        }

        /// Behind the CRC, every changed bit shows.
        #[test]
        fn a_flipped_bit_shows(written in written(), at in any::<usize>(), bit in 0..8u32) {
            let mut bytes = written.bytes();
            let at = VERSION_AT + 1 + at % (bytes.len() - VERSION_AT - 1);
            bytes[at] ^= 1 << bit;
            match next(&bytes) {
                Next::Batch(batch, _) => prop_assert!(!batch.is_whole()),
                other => prop_assert_eq!(other, Next::Spoiled),
            }
        }

        #[test]
        fn random_bytes_are_read_without_harm(bytes: Vec<u8>, at in 0..40usize) {
            let mut bytes = bytes;
            if let Some(version) = bytes.get_mut(VERSION_AT) {
                *version = 2;
            }
            scan(&bytes, at.min(bytes.len())..bytes.len());
            if let Next::Batch(batch, _) = next(&bytes) {
                batch.each(batch.packed, &mut |_| ());
                batch.is_abort();
            }
        }
    }

    #[test]
    fn a_scan_stops_at_what_is_cut_old_or_no_batch() {
        let (a, b) = (Written::of(3, &["a", "b"]).bytes(), Written::of(8, &["c"]).bytes());
        let whole = [&a[..], &b].concat();
        let scanned = |bytes: &[u8]| scan(bytes, 0..bytes.len());
        let first = Scan { whole: 0..a.len(), end: Some((5, 7)), is_old: false, is_spoiled: false };
        let all = Scan { whole: 0..whole.len(), end: Some((9, 7)), ..scanned(&[]) };
        assert_eq!(scanned(&whole), all);
        assert_eq!(scanned(&whole[..whole.len() - 1]), first);
        let mut old = whole.clone();
        old[a.len() + VERSION_AT] = 1;
        assert_eq!(scanned(&old), Scan { is_old: true, whole: 0..a.len(), ..scanned(&a) });
        old[a.len() + VERSION_AT] = 3;
        assert_eq!(scanned(&old), Scan { is_spoiled: true, ..scanned(&a) });
        let back = [&b[..], &a].concat();
        assert!(scanned(&back).is_spoiled, "offsets rise");
    }

    #[test]
    fn only_an_abort_is_one() {
        for (written, is_abort) in [
            (Written::end(1, 5, 0), true),
            (Written::end(1, 5, 1), false),
            (Written::of(1, &["\0\0\0\0"]), false),
        ] {
            let bytes = written.bytes();
            let Next::Batch(batch, _) = next(&bytes) else { panic!("{written:?}") };
            assert_eq!(batch.is_abort(), is_abort);
        }
    }
}
