//! One partition of a replayed topic: its messages in order, each with its time.
//!
//! A message's time is the newest `arrival_ms` of its records. If none is known (it is 0, or the
//! message is not a record) it is the append time, minus the delay from arrival to append of the
//! previous message: in a topic that was imported in one go, years after its data arrived, such a
//! message keeps its position. A topic without arrivals keeps its append times.

use std::time::Duration;

use seismic_queue::{Batch, Event, Message, Offset, Partition, Queue, Reader, Span, Topic};

use crate::codec::for_each_record;
use crate::{Result, limits};

/// How long one read waits; the messages are in the topic already.
const WAIT: Duration = Duration::from_millis(100);

/// The messages of one partition, up to where it ended when it was opened.
pub(crate) struct PartitionReader {
    partition: Partition,
    reader: Box<dyn Reader>,
    batch: Batch,
    spare: Vec<Batch>,
    /// Index of the next message in the batch.
    next_index: usize,
    end: Offset,
    /// The last known difference of append time and arrival.
    behind_ms: Option<i64>,
    /// Time of the next message.
    time_ms: i64,
}

impl PartitionReader {
    /// Opens the messages of `span` and reads the first.
    pub(crate) fn open(
        queue: &dyn Queue,
        topic: &Topic,
        partition: Partition,
        span: Span,
    ) -> Result<Self> {
        let mut batch = Batch::default();
        batch.reset(partition, span.first);
        let mut messages = PartitionReader {
            partition,
            reader: queue.reader(topic, &[(partition, span.first)])?,
            batch,
            spare: Vec::new(),
            next_index: 0,
            end: span.end,
            behind_ms: None,
            time_ms: 0,
        };
        messages.load_next()?;
        Ok(messages)
    }

    pub(crate) fn partition(&self) -> Partition {
        self.partition
    }

    /// The next message and its time, ms since 1970 UTC.
    pub(crate) fn head(&self) -> Option<(i64, Message<'_>)> {
        if self.next_index >= self.batch.len() {
            return None;
        }
        let message = self.batch.message(self.next_index);
        (message.offset < self.end).then_some((self.time_ms, message))
    }

    /// Moves past the next message.
    pub(crate) fn advance(&mut self) -> Result<()> {
        self.next_index += 1;
        self.load_next()
    }

    /// Reads more when the batch is used up, and computes the time of the next message.
    fn load_next(&mut self) -> Result<()> {
        if self.next_index >= self.batch.len() {
            self.fill()?;
        }
        if self.next_index < self.batch.len() {
            let message = self.batch.message(self.next_index);
            let (append_ms, arrival_ms) = (message.append_ms, arrival_ms(&message));
            if let Some(arrival_ms) = arrival_ms {
                self.behind_ms = Some(append_ms.saturating_sub(arrival_ms));
            }
            self.time_ms = append_ms.saturating_sub(self.behind_ms.unwrap_or(0));
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        while self.batch.next() < self.end {
            match self.reader.read(WAIT, &mut self.spare)? {
                Event::Batch(batch) => {
                    self.spare.push(std::mem::replace(&mut self.batch, batch));
                    self.next_index = 0;
                    break;
                }
                Event::CaughtUp(..) => break,
                _ => {}
            }
        }
        if self.behind_ms.is_none() {
            // Messages before the first known arrival are placed by that one.
            let known = |message: Message<'_>| {
                Some(message.append_ms.saturating_sub(arrival_ms(&message)?))
            };
            self.behind_ms = self.batch.messages().find_map(known);
        }
        Ok(())
    }
}

/// The newest arrival of a message's records, if it is known.
fn arrival_ms(message: &Message<'_>) -> Option<i64> {
    let latest_ms = message.append_ms.saturating_add(limits::ARRIVAL_AHEAD_MS);
    let mut newest_ms = None;
    for_each_record(message.value, |record| {
        let arrival_ms = record.arrival_ms;
        if 0 < arrival_ms && arrival_ms <= latest_ms {
            newest_ms = newest_ms.max(Some(arrival_ms));
        }
    })?;
    newest_ms
}
