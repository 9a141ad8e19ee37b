//! A topic of the home, read alongside the fold.

use std::time::Duration;

use seismic_queue::{Batch, Event, Home, Offset, Partition, Reader, Span};

use crate::Result;

/// A reader waits this long for messages that were there when the proof began.
const PATIENCE: Duration = Duration::from_secs(10);

/// The next batch, or `None` at the end of the log.
pub(super) fn next_batch(
    reader: &mut dyn Reader,
    spare: &mut Vec<Batch>,
    topic: &str,
) -> Result<Option<Batch>> {
    match reader.read(PATIENCE, spare)? {
        Event::Batch(batch) => Ok(Some(batch)),
        Event::CaughtUp(..) => Ok(None),
        other => {
            tracing::warn!("reading {topic} gave {other:?} instead of messages");
            Ok(None)
        }
    }
}

/// A topic of the home that is read alongside the fold.
pub(super) struct Topic {
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    name: String,
    /// Offset of the next expected value; those before `first` were let go of by retention.
    next: Offset,
    first: Offset,
    read: Offset,
    end: Offset,
    is_whole: bool,
}

impl Topic {
    /// Opens the topic behind the values that were emitted before the fold begins.
    pub fn open(
        home: &dyn Home,
        name: &str,
        partition: Partition,
        emitted_before: u64,
        span: Span,
    ) -> Result<Self> {
        let topics = home.topics();
        let next = Offset(emitted_before);
        let read = span.first.max(next).min(span.end);
        let is_whole = span.first <= next;
        let reader = topics.reader(&topics.topic(name)?, &[(partition, read)])?;
        let (spare, name) = (Vec::new(), name.to_owned());
        Ok(Topic { reader, spare, name, next, first: span.first, read, end: span.end, is_whole })
    }

    /// Whether nothing was let go of that the fold expects.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Counts one more expected value; whether it can still be there.
    pub fn expects_next(&mut self) -> bool {
        let expected = self.next >= self.first;
        self.next = self.next.next();
        expected
    }

    /// Reads as far as the fold has come.
    pub fn feed(&mut self, take: impl FnMut(Offset, &[u8])) -> Result<()> {
        self.read_to(self.next.min(self.end), take)
    }

    /// Reads to the end that the topic had when the proof began.
    pub fn drain(&mut self, take: impl FnMut(Offset, &[u8])) -> Result<()> {
        self.read_to(self.end, take)
    }

    fn read_to(&mut self, to: Offset, mut take: impl FnMut(Offset, &[u8])) -> Result<()> {
        while self.read < to {
            let Some(batch) = next_batch(&mut *self.reader, &mut self.spare, &self.name)? else {
                break;
            };
            for message in batch.messages().take_while(|message| message.offset < self.end) {
                take(message.offset, message.value);
            }
            self.read = batch.next().min(self.end);
            self.spare.push(batch);
        }
        Ok(())
    }
}
