//! What a message was like, so that another one in its place is noticed.
//!
//! An offset says where a message was, not which one: an older copy of a log that is put back and
//! grows gives the same offsets to other messages. Even the same content is appended again at
//! another time.

use std::time::Duration;

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
        let spans = queue.spans(topic)?;
        let is_there = |span: &crate::Span| (span.first..span.end).contains(&offset);
        if !spans.get(partition.0 as usize).is_some_and(is_there) {
            return Ok(None);
        }
        let read = |wait| queue.reader(topic, &[(partition, offset)])?.read(wait, &mut Vec::new());
        match read(PATIENCE) {
            Ok(Event::Batch(batch)) => {
                let first = batch.messages().next().map(Fingerprint::of);
                Ok(first.filter(|found| found.offset == offset))
            }
            Ok(_) | Err(Error::OffsetGone { .. }) => Ok(None),
            Err(error) => Err(error),
        }
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
}
