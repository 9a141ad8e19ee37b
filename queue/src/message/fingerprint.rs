//! The fingerprint of a message, so that another message at the same offset is noticed.
//!
//! An offset says where a message was, not which message it was: when an older copy of a log is
//! restored and grows, other messages get the same offsets. Even equal content has another append
//! time.

use std::fmt;
use std::time::{Duration, Instant};

use crate::{Error, Event, Message, Offset, Partition, Queue, Result, Topic};

/// How long a message that must be there is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Offset, append time and CRC of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Where it is.
    pub offset: Offset,
    /// When it was appended, ms since 1970 UTC, as the queue says it.
    pub append_ms: i64,
    /// CRC-32 of the key's length (8 bytes, little-endian), key and value.
    pub crc: u32,
}

impl Fingerprint {
    /// That of a message.
    #[must_use]
    pub fn of(message: Message<'_>) -> Self {
        let Message { offset, append_ms, key, value } = message;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&(key.len() as u64).to_le_bytes());
        crc.update(key);
        crc.update(value);
        Fingerprint { offset, append_ms, crc: crc.finalize() }
    }

    /// That of the message at an offset; `None` when there is none: it is gone, or never was.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn find(
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        offset: Offset,
    ) -> Result<Option<Fingerprint>> {
        Ok(Fingerprint::find_each(queue, topic, &[(partition, offset)])?[0])
    }

    /// As [`Fingerprint::find`] of several partitions, each at most once, in their order.
    ///
    /// # Errors
    /// When the queue cannot be read.
    pub fn find_each(
        queue: &dyn Queue,
        topic: &Topic,
        at: &[(Partition, Offset)],
    ) -> Result<Vec<Option<Fingerprint>>> {
        let mut found = vec![None; at.len()];
        if at.is_empty() {
            return Ok(found);
        }
        let spans = queue.spans(topic)?;
        let is_there = |(partition, offset): &(Partition, Offset)| {
            let span = spans.get(partition.0 as usize);
            span.is_some_and(|span| (span.first..span.end).contains(offset))
        };
        let mut open: Vec<_> = at.iter().copied().filter(is_there).collect();
        let until = Instant::now() + PATIENCE;
        while !open.is_empty() {
            match Fingerprint::of_first(queue, topic, &open, until) {
                Ok(first) => {
                    for (asked, found) in at.iter().zip(&mut found) {
                        let of_it = first.iter().find(|(partition, _)| *partition == asked.0);
                        let of_it = of_it.map(|(_, first)| *first);
                        *found = found.or(of_it.filter(|first| first.offset == asked.1));
                    }
                    break;
                }
                // Deleted in this moment: the others are asked for again.
                Err(Error::OffsetGone { partition, .. }) => open.retain(|it| it.0 != partition),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The first message of each of these partitions from its offset on.
    fn of_first(
        queue: &dyn Queue,
        topic: &Topic,
        open: &[(Partition, Offset)],
        until: Instant,
    ) -> Result<Vec<(Partition, Fingerprint)>> {
        let (mut first, mut spare) = (Vec::new(), Vec::new());
        let mut left: Vec<Partition> = open.iter().map(|it| it.0).collect();
        let mut reader = queue.reader(topic, open)?;
        while !left.is_empty() && Instant::now() < until {
            match reader.read(until.saturating_duration_since(Instant::now()), &mut spare)? {
                Event::Batch(batch) => {
                    let message = batch.messages().next().map(Fingerprint::of);
                    let partition = batch.partition();
                    if left.contains(&partition) {
                        first.extend(message.map(|message| (partition, message)));
                    }
                    left.retain(|it| *it != partition);
                    spare.push(batch);
                }
                Event::CaughtUp(partition, _) => left.retain(|it| *it != partition),
                _ => {}
            }
        }
        Ok(first)
    }
}

/// For people.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fingerprint { offset, append_ms, crc } = self;
        write!(f, "offset {offset}, appended at {append_ms} ms since 1970 with CRC {crc:08x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::{Append, Block};

    #[test]
    fn a_fingerprint_is_found_where_its_message_is_and_nowhere_else() {
        let queue = Memory::new();
        let topic = queue.create("t", 1).unwrap();
        let mut block = Block::default();
        block.push(b"k", b"a").unwrap();
        block.push(b"k", b"b").unwrap();
        let append = Append { partition: Partition(0), first_sequence: 0, block: &block };
        queue.producer(&topic, "p").unwrap().append(&[append]).unwrap();
        let find =
            |offset| Fingerprint::find(&queue, &topic, Partition(0), Offset(offset)).unwrap();
        let found = find(1).unwrap();
        let Fingerprint { append_ms, .. } = found;
        let message = |key, value| Message { offset: Offset(1), append_ms, key, value };
        assert_eq!(found, Fingerprint::of(message(b"k", b"b")));
        assert_ne!(found, Fingerprint::of(message(b"k", b"a")));
        assert_ne!(found, Fingerprint::of(message(b"", b"kb")));
        assert_eq!(find(2), None);
    }

    #[test]
    fn those_of_several_partitions_are_found_in_one_go() {
        let queue = Memory::new();
        let topic = queue.create("t", 3).unwrap();
        let mut producer = queue.producer(&topic, "p").unwrap();
        for (partition, values) in [(0, 5), (2, 2)] {
            let mut block = Block::default();
            (0..values).for_each(|_| block.push(b"k", b"v").unwrap());
            let partition = Partition(partition);
            producer.append(&[Append { partition, first_sequence: 0, block: &block }]).unwrap();
        }
        let at = [(2, 1), (0, 3), (1, 0)].map(|(it, at)| (Partition(it), Offset(at)));
        let found = Fingerprint::find_each(&queue, &topic, &at).unwrap();
        let offsets: Vec<_> = found.iter().map(|it| it.map(|it| it.offset.0)).collect();
        assert_eq!(offsets, [Some(1), Some(3), None]);
    }
}
