//! One partition of a topic, read from an offset up to an end.

use std::time::Duration;

use super::{Event, Queue, Reader};
use crate::{Batch, Error, Message, Offset, Partition, Result, Span, Topic};

/// Reads the messages of a span. How long they are waited for in all is up to its caller: an
/// unfinished transaction may hold back the end.
pub struct SpanReader {
    reader: Box<dyn Reader>,
    next: Offset,
    end: Offset,
    spare: Vec<Batch>,
}

impl SpanReader {
    /// Begins at the first offset of the span.
    ///
    /// # Errors
    /// When the partition cannot be read.
    pub fn new(
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        span: Span,
    ) -> Result<SpanReader> {
        let reader = queue.reader(topic, &[(partition, span.first)])?;
        Ok(SpanReader { reader, next: span.first, end: span.end, spare: Vec::new() })
    }

    /// The offset after all that was read.
    #[must_use]
    pub fn next(&self) -> Offset {
        self.next
    }

    /// Whether everything was read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.next >= self.end
    }

    /// Calls `found` with each message of the span that comes within `wait`. Whether any offset was
    /// passed.
    ///
    /// # Errors
    /// Those of the queue, and those of `found`.
    pub fn read<E: From<Error>>(
        &mut self,
        wait: Duration,
        mut found: impl FnMut(Message<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<bool, E> {
        let before = self.next;
        if self.is_at_end() {
            return Ok(false);
        }
        match self.reader.read(wait, &mut self.spare)? {
            Event::Batch(batch) => {
                let of_span = batch.messages().take_while(|it| it.offset < self.end);
                of_span.into_iter().try_for_each(&mut found)?;
                self.next = batch.next();
                self.spare.push(batch);
            }
            // Offsets of records that are no messages are passed, too.
            Event::CaughtUp(_, at) => self.next = self.next.max(at),
            _ => {}
        }
        Ok(self.next > before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use crate::{Append, Block};

    #[test]
    fn the_messages_of_a_span_are_read_and_none_behind_its_end() {
        let queue = Memory::new();
        let topic = queue.create("t", 1).unwrap();
        let mut block = Block::default();
        for value in 0..9u8 {
            block.push(b"key", &[value]).unwrap();
        }
        let partition = Partition(0);
        let append = Append { partition, first_sequence: 0, block: &block };
        queue.producer(&topic, "p").unwrap().append(&[append]).unwrap();
        let span = Span { first: Offset(2), end: Offset(7) };
        let mut reader = SpanReader::new(&queue, &topic, partition, span).unwrap();
        let mut values: Vec<u8> = Vec::new();
        while !reader.is_at_end() {
            let read = reader.read(Duration::from_millis(1), |message| {
                values.extend(message.value);
                Ok::<_, Error>(())
            });
            assert!(read.unwrap(), "it moves with each batch");
        }
        assert_eq!(values, [2, 3, 4, 5, 6]);
        assert!(!reader.read(Duration::ZERO, |_| Ok::<_, Error>(())).unwrap());
    }
}
