//! The message format of an internal topic: the position and append time of a record, and its
//! bytes.
//!
//! ```text
//!  1 byte   version, 1
//!  varint   partition of the input
//!  varint   offset in it
//!  varint   number of the record in its message, from 0
//!  varint   append time of the message as the queue says it, ms since 1970 UTC, zigzag
//!  varint   how much later an earlier message of the partition was appended, ms; else 0
//!  rest     the record, as its producer wrote it: one `SeismicRecord`, never packed
//! ```
//!
//! Varints are those of protobuf (LEB128, at most 10 bytes). Each message has exactly one encoding,
//! and any other is refused, so equal records have equal bytes.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use seismic_queue::{Offset, Partition};

/// Version of the layout; part of the semantics of a repartition.
pub const VERSION: u8 = 1;

/// A record on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// Where its producer put it.
    pub place: RecordPosition,
    /// When the queue took it, ms since 1970 UTC, as the queue says it.
    pub append_ms: i64,
    /// How far that lies behind an earlier append time of the same partition, ms.
    pub behind_ms: u64,
    /// Its bytes.
    pub record: &'a [u8],
}

/// A place in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RecordPosition {
    /// Partition.
    pub partition: Partition,
    /// Offset of the message in it.
    pub offset: Offset,
    /// Number of the record in the message.
    pub index: u32,
}

impl<'a> Envelope<'a> {
    /// Appends its form to `into`.
    pub fn write(&self, into: &mut Vec<u8>) {
        self.write_head(into);
        into.extend_from_slice(self.record);
    }

    /// Appends what comes before the record to `into`.
    #[inline]
    pub fn write_head(&self, into: &mut Vec<u8>) {
        into.push(VERSION);
        put(into, u64::from(self.place.partition.0));
        put(into, self.place.offset.0);
        put(into, u64::from(self.place.index));
        put(into, zigzag(self.append_ms));
        put(into, self.behind_ms);
    }

    /// Reads it; `None` for anything that [`Envelope::write_head`] and the record are not.
    #[inline]
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (&version, mut rest) = bytes.split_first()?;
        if version != VERSION {
            return None;
        }
        let partition = Partition(u32::try_from(read_varint(&mut rest)?).ok()?);
        let offset = Offset(read_varint(&mut rest)?);
        let index = u32::try_from(read_varint(&mut rest)?).ok()?;
        let append_ms = unzigzag(read_varint(&mut rest)?);
        let behind_ms = read_varint(&mut rest)?;
        let place = RecordPosition { partition, offset, index };
        Some(Envelope { place, append_ms, behind_ms, record: rest })
    }

    /// Append time that never goes back within the partition of the input.
    #[must_use]
    pub fn running_append_ms(&self) -> i64 {
        self.append_ms.wrapping_add(self.behind_ms as i64)
    }
}

/// How far an append time lies behind the newest one, which is not older.
#[must_use]
pub fn behind(append_ms: i64, newest_ms: i64) -> u64 {
    newest_ms.wrapping_sub(append_ms) as u64
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ 0_i64.wrapping_sub((value & 1) as i64)
}

/// Appends a varint.
#[inline]
pub(super) fn put(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

/// Takes a varint off the front.
#[inline]
pub(super) fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    match rest.split_first()? {
        (&byte @ 0..0x80, tail) => {
            *rest = tail;
            Some(u64::from(byte))
        }
        _ => take_long(rest),
    }
}

fn take_long(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        let placed = bits.wrapping_shl(shift);
        // Bits that fall off, or a last byte that adds nothing: another form of some number.
        if placed.wrapping_shr(shift) != bits || (byte == 0 && shift > 0) {
            return None;
        }
        value |= placed;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn numbers() -> impl Strategy<Value = u64> {
        prop_oneof![0..300_u64, any::<u64>(), Just(u64::MAX)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn an_envelope_comes_back_as_written(
            partition in any::<u32>(), offset in numbers(), index in any::<u32>(),
            append_ms in any::<i64>(), behind_ms in numbers(), record in vec(any::<u8>(), 0..40),
        ) {
            let place = RecordPosition { partition: Partition(partition), offset: Offset(offset), index };
            let written = Envelope { place, append_ms, behind_ms, record: &record };
            let mut bytes = Vec::new();
            written.write(&mut bytes);
            prop_assert_eq!(Envelope::read(&bytes), Some(written));
        }

        #[test]
        fn bytes_that_are_read_are_the_only_form_of_what_they_say(
            mut bytes in vec(prop_oneof![Just(0), Just(0x80), Just(1), any::<u8>()], 0..40)
        ) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            if let Some(read) = Envelope::read(&bytes) {
                let mut again = Vec::new();
                read.write(&mut again);
                prop_assert_eq!(again, bytes);
            }
        }

        #[test]
        fn the_running_append_time_is_the_newest_one(append_ms in any::<i64>(), more in any::<i64>()) {
            let newest_ms = append_ms.max(more);
            let behind_ms = behind(append_ms, newest_ms);
            let place = RecordPosition { partition: Partition(0), offset: Offset(0), index: 0 };
            let envelope = Envelope { place, append_ms, behind_ms, record: b"" };
            prop_assert_eq!(envelope.running_append_ms(), newest_ms);
        }
    }

    #[test]
    fn another_version_is_refused() {
        assert_eq!(Envelope::read(&[]), None);
        assert!(Envelope::read(&[VERSION, 0, 0, 0, 0, 0]).is_some());
        assert_eq!(Envelope::read(&[2, 0, 0, 0, 0, 0]), None);
    }
}
