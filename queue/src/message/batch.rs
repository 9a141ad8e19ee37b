//! Messages fetched together: one buffer and an index, recycled, no allocation per message.

use std::ops::Range;

use crate::message::next_message;
use crate::{Offset, Partition};

/// Messages of one partition in rising offset order.
#[derive(Debug)]
pub struct Batch {
    partition: Partition,
    next: Offset,
    /// Memory; what lies beyond `size` means nothing.
    bytes: Vec<u8>,
    size: usize,
    index: Vec<Entry>,
}

/// Where one message lies in its batch.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    offset: Offset,
    append_ms: i64,
    key: (u32, u32),
    value: (u32, u32),
}

/// One message, borrowed from its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Place in the partition.
    pub offset: Offset,
    /// When the queue took it, ms since 1970 UTC, as the queue says it.
    pub append_ms: i64,
    /// Key, may be empty.
    pub key: &'a [u8],
    /// Value, may be empty.
    pub value: &'a [u8],
}

impl Default for Batch {
    fn default() -> Self {
        let (partition, next) = (Partition(0), Offset(0));
        Batch { partition, next, bytes: Vec::new(), size: 0, index: Vec::new() }
    }
}

impl Batch {
    /// Empties the batch for messages of `partition` from `next` on; memory is kept.
    pub fn reset(&mut self, partition: Partition, next: Offset) {
        self.partition = partition;
        self.next = next;
        self.size = 0;
        self.index.clear();
    }

    /// Room for that many bytes behind those that are held. Whatever it is filled with, it counts
    /// only when [`Batch::take_block`] takes it.
    #[inline]
    pub fn room(&mut self, bytes: usize) -> &mut [u8] {
        let end = self.size + bytes;
        if self.bytes.len() < end {
            // Not resized: that would write what lies behind `size`, which nobody reads.
            let mut bytes = vec![0; end.max(2 * self.bytes.len())];
            bytes[..self.size].copy_from_slice(&self.bytes[..self.size]);
            self.bytes = bytes;
        }
        &mut self.bytes[self.size..end]
    }

    /// Adds a stored block, as [`Batch::take_block`] does.
    #[must_use]
    pub fn push_block(&mut self, base: Offset, count: u32, append_ms: i64, block: &[u8]) -> bool {
        self.room(block.len()).copy_from_slice(block);
        self.take_block(base, count, append_ms, block.len())
    }

    /// Takes a block of that many bytes that was put into the [`Batch::room`], whose first message
    /// has offset `base`, without the messages before [`Batch::next`]. `false` when the bytes are
    /// not a block of `count` messages; the batch is then unchanged.
    #[must_use]
    pub fn take_block(&mut self, base: Offset, count: u32, append_ms: i64, bytes: usize) -> bool {
        let (start, end, indexed) = (self.size, self.size + bytes, self.index.len());
        let Some(block) = self.bytes.get(start..end).filter(|_| u32::try_from(end).is_ok()) else {
            return false;
        };
        let place = |r: Range<usize>| ((start + r.start) as u32, (start + r.end) as u32);
        // A message has two bytes at least, whatever the count says.
        self.index.reserve((count as usize).min(bytes / 2));
        let mut at = 0;
        let mut offset = base;
        while at < bytes {
            let Some((key, value)) = next_message(block, &mut at) else {
                break;
            };
            if offset >= self.next {
                let entry = Entry { offset, append_ms, key: place(key), value: place(value) };
                self.index.push(entry);
            }
            offset = offset.next();
        }
        if at != bytes || offset.0 - base.0 != u64::from(count) {
            self.index.truncate(indexed);
            return false;
        }
        self.size = end;
        self.next = self.next.max(offset);
        true
    }

    /// Continues at `next`: there is nothing before it.
    pub fn skip_to(&mut self, next: Offset) {
        self.next = self.next.max(next);
    }

    /// Adds one message.
    ///
    /// # Panics
    /// When `offset` lies below [`Batch::next`]: offsets only rise.
    pub fn push(&mut self, message: Message<'_>) {
        assert!(message.offset >= self.next, "offsets rise within a batch");
        let mut put = |part: &[u8]| {
            self.room(part.len()).copy_from_slice(part);
            let start = self.size;
            self.size += part.len();
            (start as u32, self.size as u32)
        };
        let (key, value) = (put(message.key), put(message.value));
        let Message { offset, append_ms, .. } = message;
        self.index.push(Entry { offset, append_ms, key, value });
        self.next = offset.next();
    }

    /// Adds messages of another batch of the same partition, by their places in it: their bytes are
    /// copied at once, since they lie one behind the other.
    ///
    /// # Panics
    /// When the first lies below [`Batch::next`]: offsets only rise.
    pub fn push_part(&mut self, of: &Batch, places: Range<usize>) {
        let entries = &of.index[places];
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return };
        assert!(first.offset >= self.next, "offsets rise within a batch");
        let (from, to, start) = (first.key.0, last.value.1, self.size);
        let part = &of.bytes[from as usize..to as usize];
        self.room(part.len()).copy_from_slice(part);
        self.size += part.len();
        assert!(u32::try_from(self.size).is_ok(), "a part is not larger than its batch");
        let place =
            |(begin, end): (u32, u32)| (begin - from + start as u32, end - from + start as u32);
        self.index.extend(entries.iter().map(|it| Entry {
            key: place(it.key),
            value: place(it.value),
            ..*it
        }));
        self.next = last.offset.next();
    }

    /// The partition of every message in it.
    #[must_use]
    #[inline]
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The offset after the last message: where reading continues.
    #[must_use]
    #[inline]
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Number of messages.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no message.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes held.
    #[must_use]
    #[inline]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The message at place `i`, from 0.
    ///
    /// # Panics
    /// When `i` is not below [`Batch::len`].
    #[must_use]
    #[inline]
    pub fn message(&self, i: usize) -> Message<'_> {
        self.at(&self.index[i])
    }

    #[inline]
    fn at(&self, entry: &Entry) -> Message<'_> {
        let part = |(from, to): (u32, u32)| &self.bytes[from as usize..to as usize];
        Message {
            offset: entry.offset,
            append_ms: entry.append_ms,
            key: part(entry.key),
            value: part(entry.value),
        }
    }

    /// The last message below `end`.
    #[must_use]
    pub fn last_below(&self, end: Offset) -> Option<Message<'_>> {
        let below = self.index.partition_point(|entry| entry.offset < end);
        below.checked_sub(1).map(|last| self.message(last))
    }

    /// The messages in order.
    #[inline]
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message<'_>> {
        self.index.iter().map(|entry| self.at(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Block;

    fn block(values: &[&str]) -> Block {
        let mut block = Block::default();
        for value in values {
            block.push(b"k", value.as_bytes()).unwrap();
        }
        block
    }

    #[test]
    fn a_block_read_from_its_middle_gives_only_the_later_messages() {
        let mut batch = Batch::default();
        batch.reset(Partition(3), Offset(11));
        let stored = block(&["a", "b", "c"]);
        assert!(batch.push_block(Offset(10), 3, 77, stored.bytes()));
        let got: Vec<_> = batch.messages().map(|m| (m.offset.0, m.value.to_vec())).collect();
        assert_eq!(got, [(11, b"b".to_vec()), (12, b"c".to_vec())]);
        assert_eq!(batch.next(), Offset(13));
        let last = |end| batch.last_below(Offset(end)).map(|message| message.offset.0);
        assert_eq!([last(11), last(12), last(13), last(99)], [None, Some(11), Some(12), Some(12)]);
    }

    #[test]
    fn a_part_of_a_batch_has_its_messages() {
        let mut whole = Batch::default();
        whole.reset(Partition(3), Offset(10));
        assert!(whole.push_block(Offset(10), 3, 77, block(&["a", "", "c"]).bytes()));
        assert!(whole.push_block(Offset(20), 2, 78, block(&["d", "e"]).bytes()));
        whole.push(Message { offset: Offset(30), append_ms: 79, key: b"", value: b"" });
        for (from, to) in (0..=whole.len()).flat_map(|to| (0..=to).map(move |from| (from, to))) {
            let mut part = Batch::default();
            part.reset(Partition(3), Offset(5));
            part.push(Message { offset: Offset(7), append_ms: 1, key: b"k", value: b"before" });
            part.push_part(&whole, from..to);
            let expected: Vec<_> = (from..to).map(|place| whole.message(place)).collect();
            assert_eq!(part.messages().skip(1).collect::<Vec<_>>(), expected);
            assert_eq!(part.message(0).value, b"before");
            let next = expected.last().map_or(Offset(8), |last| last.offset.next());
            assert_eq!(part.next(), next);
        }
    }

    #[test]
    fn a_torn_block_or_a_wrong_count_leaves_the_batch_as_it_was() {
        let stored = block(&["a", "b", "c"]);
        for (count, bytes) in
            [(3, &stored.bytes()[..stored.bytes().len() - 1]), (2, stored.bytes())]
        {
            let mut batch = Batch::default();
            batch.reset(Partition(0), Offset(0));
            assert!(!batch.push_block(Offset(0), count, 0, bytes));
            assert!(batch.is_empty() && batch.next() == Offset(0));
        }
    }
}
