//! A topic of the store, read alongside the replay.

use std::time::Duration;

use seismic_queue::{Batch, Event, JobStore, Message, Offset, Partition, Reader, Span};

use crate::Result;

/// A reader waits this long for messages that were there when the proof began.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a log has to give before an offset.
pub(super) enum Next {
    Batch(Batch),
    /// There is no message before the offset.
    End,
    /// Messages are missing.
    Missing,
}

/// Reads on towards `end`.
pub(super) fn next_batch(
    reader: &mut dyn Reader,
    spare: &mut Vec<Batch>,
    topic: &str,
    end: Offset,
) -> Result<Next> {
    loop {
        match reader.read(PATIENCE, spare)? {
            Event::Batch(batch) => return Ok(Next::Batch(batch)),
            Event::CaughtUp(_, at) if at >= end => return Ok(Next::End),
            // Someone's transaction may be open there; what lies behind it comes when it ends.
            Event::CaughtUp(..) => {}
            _ => {
                tracing::warn!("{topic} has given no messages for {} s", PATIENCE.as_secs());
                return Ok(Next::Missing);
            }
        }
    }
}

/// A topic of the store that is read alongside the fold.
pub(crate) struct TopicReader {
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    name: String,
    read: Offset,
    /// The end that it had when the proof began.
    end: Offset,
}

impl TopicReader {
    /// Everything that a partition of the topic has.
    pub fn open(
        store: &dyn JobStore,
        name: &str,
        partition: Partition,
        span: Span,
    ) -> Result<Self> {
        let topics = store.topics();
        let reader = topics.reader(&topics.topic(name)?, &[(partition, span.first)])?;
        let (spare, name) = (Vec::new(), name.to_owned());
        Ok(TopicReader { reader, spare, name, read: span.first, end: span.end })
    }

    /// Reads on; `false` when there is nothing more.
    pub fn read(&mut self, mut take: impl FnMut(Offset, &[u8])) -> Result<bool> {
        self.read_messages(|message| take(message.offset, message.value))
    }

    /// As [`TopicReader::read`], with the keys.
    pub fn read_messages(&mut self, mut take: impl FnMut(Message<'_>)) -> Result<bool> {
        if self.read >= self.end {
            return Ok(false);
        }
        let next = next_batch(&mut *self.reader, &mut self.spare, &self.name, self.end)?;
        let Next::Batch(batch) = next else {
            self.read = self.end;
            return Ok(false);
        };
        for message in batch.messages().take_while(|message| message.offset < self.end) {
            take(message);
        }
        self.read = batch.next();
        self.spare.push(batch);
        Ok(true)
    }
}
