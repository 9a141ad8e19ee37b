//! Several records of one partition of the input in one message of an internal topic: what one
//! record has of an [`Envelope`] is mostly what the record before it has.
//!
//! ```text
//!  1 byte   version, 2
//!  varint   partition of the input
//!  varint   offset of the first record's message
//!  varint   its append time, ms since 1970 UTC, zigzag
//!  varint   how much later an earlier message of the partition was appended, ms; else 0
//!  then of each record
//!    varint   how much further on its message is than that of the record before, times 4;
//!             + 1: the number of the record in its message follows, which else is 0;
//!             + 2: times follow, which else are those of the record before
//!    varint   the number, if it follows
//!    varint   how much later it was appended than the record before, ms, zigzag; and
//!    varint   how much later an earlier message was than itself, if they follow
//!    varint   length of the record
//!    bytes    the record, as its producer wrote it
//! ```
//!
//! What a pack says is the envelopes of its records, and nothing else: [`InternalRecords`] gives
//! them out, of a pack and of a message that is a single envelope alike. Neither the windows nor a
//! proof knows the one from the other.
#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use seismic_queue::{Offset, Partition};

use crate::engine::repartition::envelope::{
    Envelope, RecordPosition, VERSION, put, read_varint, unzigzag, zigzag,
};
use crate::limits;

/// First byte of a pack, where an envelope has [`VERSION`].
const PACKED: u8 = 2;

const HAS_INDEX: u64 = 1;
const HAS_TIMES: u64 = 2;

/// Most bytes that a record has beside itself: four varints of 64 bits, and two of 32.
const HEAD_BYTES: usize = 50;

/// A pack while records are put into it.
#[derive(Debug, Default)]
pub(crate) struct Pack {
    bytes: Vec<u8>,
    last: Position,
}

/// What a record of a pack says of its place and times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Position {
    offset: u64,
    append_ms: i64,
    behind_ms: u64,
}

impl Position {
    fn of(envelope: &Envelope<'_>) -> Self {
        let &Envelope { place, append_ms, behind_ms, .. } = envelope;
        Position { offset: place.offset.0, append_ms, behind_ms }
    }
}

impl Pack {
    /// Whether the record is small enough for packs at all.
    #[inline]
    pub fn takes(record: &[u8]) -> bool {
        record.len() <= limits::PACKED_RECORD_BYTES
    }

    /// Whether there is room for the record, which [`Pack::takes`], behind those that are in.
    #[inline]
    pub fn has_room_for(&self, envelope: &Envelope<'_>) -> bool {
        let size = self.bytes.len().saturating_add(envelope.record.len());
        let steps = envelope.place.offset.0.wrapping_sub(self.last.offset);
        self.bytes.is_empty()
            || size <= limits::PACK_BYTES.saturating_sub(HEAD_BYTES) && steps < 1 << 62
    }

    /// Puts a record of the same partition, for which there is room, behind the others.
    #[inline]
    pub fn push(&mut self, envelope: &Envelope<'_>) {
        let now = Position::of(envelope);
        if self.bytes.is_empty() {
            self.begin(envelope.place.partition, now);
        }
        let steps = now.offset.wrapping_sub(self.last.offset);
        let length = envelope.record.len();
        let is_usual = Position { offset: now.offset, ..self.last } == now
            && envelope.place.index == 0
            && steps < 0x20
            && length < 0x80;
        if !is_usual {
            return self.push_any(envelope);
        }
        // Two numbers of a byte each.
        self.bytes.extend_from_slice(&[(steps << 2) as u8, length as u8]);
        self.bytes.extend_from_slice(envelope.record);
        self.last = now;
    }

    /// As [`Pack::push`] into a pack that has begun, of any record.
    fn push_any(&mut self, envelope: &Envelope<'_>) {
        let (now, index) = (Position::of(envelope), envelope.place.index);
        let has_times =
            now.append_ms != self.last.append_ms || now.behind_ms != self.last.behind_ms;
        let flags = u64::from(index > 0) | if has_times { HAS_TIMES } else { 0 };
        put(&mut self.bytes, now.offset.wrapping_sub(self.last.offset) << 2 | flags);
        if index > 0 {
            put(&mut self.bytes, u64::from(index));
        }
        if has_times {
            put(&mut self.bytes, zigzag(now.append_ms.wrapping_sub(self.last.append_ms)));
            put(&mut self.bytes, now.behind_ms);
        }
        put(&mut self.bytes, envelope.record.len() as u64);
        self.bytes.extend_from_slice(envelope.record);
        self.last = now;
    }

    #[cold]
    fn begin(&mut self, partition: Partition, first: Position) {
        self.bytes.push(PACKED);
        put(&mut self.bytes, u64::from(partition.0));
        put(&mut self.bytes, first.offset);
        put(&mut self.bytes, zigzag(first.append_ms));
        put(&mut self.bytes, first.behind_ms);
        self.last = first;
    }

    /// The message, empty as long as no record is in.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// The records of a message of an internal topic in their order, each in its envelope.
#[derive(Clone, Debug)]
pub struct InternalRecords<'a> {
    /// A message that is one envelope.
    single: Option<Envelope<'a>>,
    /// What is left of a pack.
    partition: Partition,
    last: Position,
    rest: &'a [u8],
}

impl<'a> InternalRecords<'a> {
    /// Reads a message whole; `None` for what is no message of an internal topic.
    #[inline]
    #[must_use]
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first() {
            Some(&PACKED) => Self::read_pack(bytes),
            _ => Some(Self::of(Envelope::read(bytes)?)),
        }
    }

    /// Those of a message that is one envelope.
    fn of(envelope: Envelope<'a>) -> Self {
        let (partition, last) = (envelope.place.partition, Position::default());
        InternalRecords { single: Some(envelope), partition, last, rest: &[] }
    }

    fn read_pack(bytes: &'a [u8]) -> Option<Self> {
        // None of ours is longer, and a record of a foreign one may take as little as two bytes.
        if bytes.len() > limits::PACK_BYTES {
            return None;
        }
        let (_, mut rest) = bytes.split_first()?;
        let partition = Partition(u32::try_from(read_varint(&mut rest)?).ok()?);
        let offset = read_varint(&mut rest)?;
        let append_ms = unzigzag(read_varint(&mut rest)?);
        let last = Position { offset, append_ms, behind_ms: read_varint(&mut rest)? };
        let records = InternalRecords { single: None, partition, last, rest };
        // Nothing of a message counts before all of it is known to be readable.
        let mut all = records.clone();
        let mut are_some = false;
        while !all.rest.is_empty() {
            all.take_next()?;
            are_some = true;
        }
        are_some.then_some(records)
    }

    #[inline]
    fn take_next(&mut self) -> Option<Envelope<'a>> {
        // Two numbers of a byte each, as nearly all have them.
        if let [step @ 0..0x80, length @ 0..0x80, after @ ..] = self.rest
            && step & (HAS_INDEX | HAS_TIMES) as u8 == 0
        {
            let (record, after) = after.split_at_checked(usize::from(*length))?;
            self.last.offset = self.last.offset.checked_add(u64::from(step >> 2))?;
            self.rest = after;
            return Some(self.envelope(0, record));
        }
        self.take_any()
    }

    fn envelope(&self, index: u32, record: &'a [u8]) -> Envelope<'a> {
        let Position { offset, append_ms, behind_ms } = self.last;
        let place = RecordPosition { partition: self.partition, offset: Offset(offset), index };
        Envelope { place, append_ms, behind_ms, record }
    }

    /// As [`InternalRecords::take_next`], of any record.
    fn take_any(&mut self) -> Option<Envelope<'a>> {
        let rest = &mut self.rest;
        let step = read_varint(rest)?;
        let index = match step & HAS_INDEX {
            0 => 0,
            _ => u32::try_from(read_varint(rest)?).ok()?,
        };
        self.last.offset = self.last.offset.checked_add(step >> 2)?;
        if step & HAS_TIMES != 0 {
            self.last.append_ms = self.last.append_ms.wrapping_add(unzigzag(read_varint(rest)?));
            self.last.behind_ms = read_varint(rest)?;
        }
        let length = usize::try_from(read_varint(rest)?).ok()?;
        let (record, after) = rest.split_at_checked(length)?;
        *rest = after;
        Some(self.envelope(index, record))
    }
}

impl<'a> Iterator for InternalRecords<'a> {
    type Item = Envelope<'a>;

    #[inline]
    fn next(&mut self) -> Option<Envelope<'a>> {
        match self.rest.is_empty() {
            true => self.single.take(),
            false => self.take_next(),
        }
    }
}

/// Whether a message is a pack, and no envelope.
#[must_use]
pub(crate) fn is_pack(bytes: &[u8]) -> bool {
    const { assert!(PACKED != VERSION) };
    bytes.first() == Some(&PACKED)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// A record with all that is said of it.
    type Said = (u64, u32, i64, u64, Vec<u8>);

    fn step() -> impl Strategy<Value = u64> {
        prop_oneof![5 => 0..3_u64, 1 => any::<u64>(), 1 => Just(u64::MAX)]
    }

    fn records() -> impl Strategy<Value = Vec<Said>> {
        let times = prop_oneof![4 => Just((7, 0)), 1 => any::<(i64, u64)>()];
        let index = prop_oneof![2 => Just(0), 1 => 0..4_u32, 1 => any::<u32>()];
        let byte = any::<u8>;
        let long = vec(byte(), 0..=limits::PACKED_RECORD_BYTES);
        let record = prop_oneof![9 => vec(byte(), 0..60), 1 => long];
        vec((step(), index, times, record), 1..60).prop_map(|all| {
            let mut offset = 0_u64;
            let said = |(step, index, (append_ms, behind_ms), record)| {
                offset = offset.saturating_add(step);
                (offset, index, append_ms, behind_ms, record)
            };
            all.into_iter().map(said).collect()
        })
    }

    fn same_with_the_short_way_and_without(
        records: InternalRecords<'_>,
    ) -> Result<(), TestCaseError> {
        let (mut short, mut long) = (records.clone(), records);
        while !short.rest.is_empty() {
            let (one, other) = (short.take_next(), long.take_any());
            prop_assert_eq!(one, other);
            if one.is_none() {
                break;
            }
            prop_assert_eq!((short.rest, short.last), (long.rest, long.last));
        }
        Ok(())
    }

    fn envelope(said: &Said) -> Envelope<'_> {
        let (offset, index, append_ms, behind_ms, ref record) = *said;
        let place = RecordPosition { partition: Partition(3), offset: Offset(offset), index };
        Envelope { place, append_ms, behind_ms, record }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn packs_give_out_the_envelopes_that_single_messages_are(all in records()) {
            let (mut packs, mut pack, mut single) = (Vec::new(), Pack::default(), Vec::new());
            for said in &all {
                let envelope = envelope(said);
                prop_assert!(Pack::takes(envelope.record));
                if !pack.has_room_for(&envelope) {
                    packs.push(std::mem::take(&mut pack).bytes);
                }
                pack.push(&envelope);
                prop_assert!(pack.bytes().len() <= limits::PACK_BYTES);
                let mut bytes = Vec::new();
                envelope.write(&mut bytes);
                single.push(bytes);
            }
            packs.push(pack.bytes);
            let read = |messages: &[Vec<u8>]| {
                let all = messages.iter().flat_map(|it| InternalRecords::read(it).unwrap());
                all.map(|it| format!("{it:?}")).collect::<Vec<_>>()
            };
            prop_assert_eq!(read(&packs), read(&single));
            prop_assert!(packs.iter().all(|it| is_pack(it)) && !single.iter().any(|it| is_pack(it)));
        }

        #[test]
        fn any_bytes_are_read_whole_or_refused(
            mut bytes in vec(prop_oneof![0..8_u8, Just(0x80), any::<u8>()], 0..60)
        ) {
            if let Some(first) = bytes.first_mut() {
                *first = PACKED;
            }
            if let Some(mut records) = InternalRecords::read(&bytes) {
                prop_assert!(records.by_ref().count() > 0);
                prop_assert!(records.rest.is_empty());
            }
        }

        #[test]
        fn usual_records_are_written_and_read_as_any_is(
            all in records(), damage in vec((any::<Index>(), any::<u8>()), 0..3),
        ) {
            let (mut short, mut long) = (Pack::default(), Pack::default());
            for said in &all {
                let envelope = envelope(said);
                if !short.has_room_for(&envelope) {
                    break;
                }
                if long.bytes.is_empty() {
                    long.begin(envelope.place.partition, Position::of(&envelope));
                }
                short.push(&envelope);
                long.push_any(&envelope);
                prop_assert_eq!((&short.bytes, short.last), (&long.bytes, long.last));
            }
            // Whole, and damaged anywhere behind the head.
            let whole = InternalRecords::read(&short.bytes).unwrap();
            same_with_the_short_way_and_without(whole.clone())?;
            let mut rest = whole.rest.to_vec();
            for (at, byte) in damage {
                let at = at.index(rest.len());
                rest.splice(at..=at, [byte]);
                same_with_the_short_way_and_without(InternalRecords { rest: &rest, ..whole })?;
            }
        }

        #[test]
        fn a_pack_that_was_cut_is_no_shorter_one(all in records(), cut in 1..40_usize) {
            let mut pack = Pack::default();
            for said in &all {
                let envelope = envelope(said);
                if pack.has_room_for(&envelope) {
                    pack.push(&envelope);
                }
            }
            let whole = InternalRecords::read(pack.bytes()).unwrap().count();
            let rest = pack.bytes().get(..pack.bytes().len().saturating_sub(cut)).unwrap();
            // Cut between two records it is a pack of those before.
            prop_assert!(InternalRecords::read(rest).is_none_or(|it| it.count() < whole));
        }
    }
}
