//! The response of a leader to `Fetch`, version 13
//! (<https://kafka.apache.org/protocol#The_Messages_Fetch>). Numbers are big endian, counts and
//! lengths are varints of the value plus one, and every structure ends with tagged fields.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::ops::Range;

use seismic_queue::backend::byte_reader::Bytes;

/// What the broker answers about partitions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FetchResponse {
    /// That of the question.
    pub(super) number: i32,
    pub(super) error: i16,
    pub(super) parts: Vec<PartitionResponse>,
}

/// What the broker answers about one partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartitionResponse {
    pub(super) partition: i32,
    pub(super) error: i16,
    /// Up to where transactions are over: what is read ends here for now.
    pub(super) settled_end: i64,
    /// Transactions among the records that do not count.
    pub(super) aborted: Vec<Aborted>,
    /// Where its record batches lie in the frame.
    pub(super) records: Range<usize>,
    /// The leader's log is another one than what was read.
    pub(super) diverges: bool,
}

/// A transaction that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Aborted {
    pub(super) producer: i64,
    pub(super) first: i64,
}

/// Reads an answer of one topic; `None` when it is none. Answers about other topics were not asked
/// for.
pub(super) fn parse(frame: &[u8], topic: &[u8; 16]) -> Option<FetchResponse> {
    let mut rest = Bytes(frame);
    let number = rest.i32()?;
    tags(&mut rest, |_, _| Some(()))?;
    let (_throttled_ms, error, _session) = (rest.i32()?, rest.i16()?, rest.i32()?);
    let mut parts = Vec::new();
    for _ in 0..count(&mut rest)?.unwrap_or(0) {
        let is_ours = rest.take(16)? == topic;
        for _ in 0..count(&mut rest)?.unwrap_or(0) {
            let part = part(frame, &mut rest)?;
            if is_ours {
                parts.push(part);
            }
        }
        tags(&mut rest, |_, _| Some(()))?;
    }
    tags(&mut rest, |_, _| Some(()))?;
    Some(FetchResponse { number, error, parts })
}

fn part(frame: &[u8], rest: &mut Bytes<'_>) -> Option<PartitionResponse> {
    let (partition, error) = (rest.i32()?, rest.i16()?);
    let (_end, settled_end, _first) = (rest.i64()?, rest.i64()?, rest.i64()?);
    let mut aborted = Vec::new();
    for _ in 0..count(rest)?.unwrap_or(0) {
        let (producer, first) = (rest.i64()?, rest.i64()?);
        tags(rest, |_, _| Some(()))?;
        aborted.push(Aborted { producer, first });
    }
    let _preferred_replica = rest.i32()?;
    let length = count(rest)?.unwrap_or(0);
    let start = frame.len().checked_sub(rest.0.len())?;
    rest.take(length)?;
    let mut diverges = false;
    tags(rest, |tag, value| {
        if tag == DIVERGES {
            diverges = Bytes(value).i32()? >= 0;
        }
        Some(())
    })?;
    let records = start..start.checked_add(length)?;
    Some(PartitionResponse { partition, error, settled_end, aborted, records, diverges })
}

/// The number of the field with the place where a log became another one.
const DIVERGES: u64 = 0;

/// A count or a length; `Some(None)` where there is nothing at all.
fn count(rest: &mut Bytes<'_>) -> Option<Option<usize>> {
    usize::try_from(rest.uvarint()?).ok().map(|count| count.checked_sub(1))
}

/// Fields at the end of a structure.
fn tags(rest: &mut Bytes<'_>, mut each: impl FnMut(u64, &[u8]) -> Option<()>) -> Option<()> {
    for _ in 0..rest.uvarint()? {
        let (tag, length) = (rest.uvarint()?, usize::try_from(rest.uvarint()?).ok()?);
        each(tag, rest.take(length)?)?;
    }
    Some(())
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(in crate::fetch) const TOPIC: [u8; 16] = *b"the topic's id..";

    /// A part as a broker would tell it, with its records.
    pub(in crate::fetch) type Told = (PartitionResponse, Vec<u8>);

    fn count(count: usize, to: &mut Vec<u8>) {
        let mut rest = count + 1;
        while rest >= 0x80 {
            to.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        to.push(rest as u8);
    }

    /// The frame of an answer, with fields that no one knows.
    pub(in crate::fetch) fn frame(number: i32, error: i16, told: &mut [Told]) -> Vec<u8> {
        let mut to = number.to_be_bytes().to_vec();
        to.extend([1, 9, 3, 1, 2, 3]);
        to.extend(0_i32.to_be_bytes());
        to.extend(error.to_be_bytes());
        to.extend(0_i32.to_be_bytes());
        count(1, &mut to);
        to.extend(TOPIC);
        count(told.len(), &mut to);
        for (part, records) in told {
            to.extend(part.partition.to_be_bytes());
            to.extend(part.error.to_be_bytes());
            for offset in [part.settled_end + 5, part.settled_end, 0] {
                to.extend(offset.to_be_bytes());
            }
            count(part.aborted.len(), &mut to);
            for aborted in &part.aborted {
                to.extend(aborted.producer.to_be_bytes());
                to.extend(aborted.first.to_be_bytes());
                to.push(0);
            }
            to.extend((-1_i32).to_be_bytes());
            count(records.len(), &mut to);
            part.records = to.len()..to.len() + records.len();
            to.extend(&*records);
            if part.diverges {
                to.extend([1, 0, 13, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9, 0]);
            } else {
                to.push(0);
            }
        }
        to.extend([0, 0]);
        to
    }

    fn told() -> impl Strategy<Value = Told> {
        let aborted = (any::<i64>(), any::<i64>());
        let aborted = aborted.prop_map(|(producer, first)| Aborted { producer, first });
        let aborted = prop::collection::vec(aborted, 0..4);
        let records = prop::collection::vec(any::<u8>(), 0..300);
        let numbers = (0..9_i32, any::<i16>(), 0..1_i64 << 60, any::<bool>());
        (numbers, aborted, records).prop_map(|(numbers, aborted, bytes)| {
            let (partition, error, settled_end, diverges) = numbers;
            (
                PartitionResponse {
                    partition,
                    error,
                    settled_end,
                    aborted,
                    records: 0..0,
                    diverges,
                },
                bytes,
            )
        })
    }

    proptest! {
        #[test]
        fn an_answer_is_read_as_it_was_told(
            number: i32, error: i16, mut told in prop::collection::vec(told(), 0..5),
        ) {
            let frame = frame(number, error, &mut told);
            let answer = parse(&frame, &TOPIC).unwrap();
            prop_assert_eq!((answer.number, answer.error), (number, error));
            prop_assert_eq!(answer.parts.len(), told.len());
            for (part, (told, records)) in answer.parts.iter().zip(&told) {
                prop_assert_eq!(part, told);
                prop_assert_eq!(&frame[part.records.clone()], &records[..]);
            }
            prop_assert_eq!(parse(&frame, b"another topic's.").unwrap().parts, []);
        }

        #[test]
        fn an_answer_that_is_cut_is_none(
            mut told in prop::collection::vec(told(), 0..3), cut in 0.0..1.0f64,
        ) {
            let frame = frame(1, 0, &mut told);
            let length = (frame.len() as f64 * cut) as usize;
            prop_assert_eq!(parse(&frame[..length], &TOPIC), None);
        }

        #[test]
        fn random_bytes_are_read_without_harm(
            mut told in prop::collection::vec(told(), 0..3), changes in
            prop::collection::vec((any::<usize>(), any::<u8>()), 1..5), bytes: Vec<u8>,
        ) {
            parse(&bytes, &TOPIC);
            let mut frame = frame(1, 0, &mut told);
            let length = frame.len();
            changes.into_iter().for_each(|(at, byte)| frame[at % length] = byte);
            for part in parse(&frame, &TOPIC).map_or(vec![], |answer| answer.parts) {
                prop_assert!(part.records.end <= frame.len());
            }
        }
    }
}
