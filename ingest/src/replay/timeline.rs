//! The messages of all partitions in order of time. Messages of a partition keep their order, even
//! if times decrease. One batch of each partition is in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use seismic_queue::{Message, Partition, Queue, Span, Topic};

use super::partition_reader::PartitionReader;
use crate::Result;

/// A topic as it will be played.
pub(crate) struct Timeline {
    partitions: Vec<PartitionReader>,
    /// Time of each partition's next message, oldest on top.
    next: BinaryHeap<Reverse<(i64, usize)>>,
}

/// A message and its time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimedMessage<'a> {
    /// ms since 1970 UTC.
    pub(crate) time_ms: i64,
    pub(crate) partition: Partition,
    pub(crate) message: Message<'a>,
}

impl Timeline {
    /// The messages in `spans`, one span for each partition.
    pub(crate) fn open(queue: &dyn Queue, topic: &Topic, spans: &[Span]) -> Result<Self> {
        let mut timeline = Timeline { partitions: Vec::new(), next: BinaryHeap::new() };
        for (partition, &span) in topic.all().zip(spans) {
            let messages = PartitionReader::open(queue, topic, partition, span)?;
            let number = timeline.partitions.len();
            timeline.next.extend(messages.head().map(|(time_ms, _)| Reverse((time_ms, number))));
            timeline.partitions.push(messages);
        }
        Ok(timeline)
    }

    /// The message that comes next.
    pub(crate) fn head(&self) -> Option<TimedMessage<'_>> {
        let &Reverse((_, number)) = self.next.peek()?;
        let messages = &self.partitions[number];
        let (time_ms, message) = messages.head().expect("a partition in the heap has a message");
        Some(TimedMessage { time_ms, partition: messages.partition(), message })
    }

    /// Moves past the next message.
    pub(crate) fn advance(&mut self) -> Result<()> {
        if let Some(Reverse((_, number))) = self.next.pop() {
            let messages = &mut self.partitions[number];
            messages.advance()?;
            self.next.extend(messages.head().map(|(time_ms, _)| Reverse((time_ms, number))));
        }
        Ok(())
    }
}
