//! The inputs of one task, read again in the order of its journal.
//!
//! A task reads several inputs as their messages arrive. No log records that order, so its journal
//! does, as runs of one input each. A replay or a proof reads one run after the other. What an
//! input has returned beyond a run waits for its next run.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use seismic_queue::{Batch, Event, Message, Offset, Partition, Queue, Reader, Topic, patiently};

use crate::Result;
use crate::engine::operator::Operator;

/// A reader waits this long for messages that are known to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// One partition of each input.
pub(crate) struct InputLogs<'a> {
    queue: &'a dyn Queue,
    inputs: &'a [Topic],
    partition: Partition,
    /// Set while the queue cannot be reached: then its failure is given.
    stop: &'a AtomicBool,
    cursors: Vec<Option<InputLog>>,
}

/// How far one of them was read.
struct InputLog {
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    batch: Batch,
    /// Next message of the batch.
    at: usize,
}

/// Watches messages that are applied again.
pub(crate) trait Watch {
    /// The next message of an input. It has its effect, or is in a loss that was accepted.
    fn message(&mut self, _input: usize, _message: Message<'_>) {}

    /// The operator has applied that many messages of a batch.
    fn applied(&mut self, operator: &mut dyn Operator, count: u64) -> Result<()>;
}

impl<F: FnMut(&mut dyn Operator, u64) -> Result<()>> Watch for F {
    fn applied(&mut self, operator: &mut dyn Operator, count: u64) -> Result<()> {
        self(operator, count)
    }
}

impl<'a> InputLogs<'a> {
    /// Nothing is opened yet.
    pub fn new(
        queue: &'a dyn Queue,
        inputs: &'a [Topic],
        partition: Partition,
        stop: &'a AtomicBool,
    ) -> Self {
        let cursors = inputs.iter().map(|_| None).collect();
        InputLogs { queue, inputs, partition, stop, cursors }
    }

    /// Applies the messages that an input has before `until`, from where the operator stands in it.
    /// Whether they are all there; the operator stands at `until` then.
    ///
    /// # Errors
    /// When something cannot be read, and what `watch` says.
    pub fn apply_until(
        &mut self,
        (input, until): (usize, Offset),
        operator: &mut dyn Operator,
        watch: &mut dyn Watch,
    ) -> Result<bool> {
        while operator.next(input) < until {
            let stop = self.stop;
            let cursor = self.cursor(input, operator.next(input))?;
            let count = cursor.apply_batch((input, until), operator, watch);
            if count > 0 {
                watch.applied(operator, count)?;
            }
            if cursor.is_at(until) {
                break;
            }
            match cursor.read_on(stop)? {
                Event::Batch(batch) => cursor.put(batch),
                Event::CaughtUp(_, at) if at >= until => break,
                // Someone's transaction may be open there; what lies behind it comes when it ends.
                Event::CaughtUp(..) => {}
                _ => return Ok(false),
            }
        }
        operator.pass(input, until);
        Ok(true)
    }

    /// The log of an input is read from where the operator stands, not from where it was read to:
    /// what lies between is gone.
    pub fn reopen(&mut self, input: usize) {
        self.cursors[input] = None;
    }

    /// The next message of an input, where it was read already.
    pub fn peek(&self, input: usize) -> Option<Message<'_>> {
        let cursor = self.cursors[input].as_ref()?;
        (cursor.at < cursor.batch.len()).then(|| cursor.batch.message(cursor.at))
    }

    fn cursor(&mut self, input: usize, at: Offset) -> Result<&mut InputLog> {
        let place = &mut self.cursors[input];
        if place.is_none() {
            let (queue, topic, partition) = (self.queue, &self.inputs[input], self.partition);
            let reader = patiently(self.stop, || queue.reader(topic, &[(partition, at)]))?;
            let (spare, batch) = (Vec::new(), Batch::default());
            *place = Some(InputLog { reader, spare, batch, at: 0 });
        }
        Ok(place.as_mut().expect("it was just opened"))
    }
}

impl InputLog {
    /// Applies what is left of the batch before `until`; gives the number of messages.
    fn apply_batch(
        &mut self,
        (input, until): (usize, Offset),
        operator: &mut dyn Operator,
        watch: &mut dyn Watch,
    ) -> u64 {
        let mut count = 0;
        while self.at < self.batch.len() {
            let message = self.batch.message(self.at);
            if message.offset >= until {
                break;
            }
            watch.message(input, message);
            // One in an accepted loss is back when the log was restored to an older state.
            if message.offset >= operator.next(input) {
                operator.apply_message(input, message);
                count += 1;
            }
            self.at += 1;
        }
        count
    }

    /// Whether the log has nothing more before `until`, as far as is known.
    fn is_at(&self, until: Offset) -> bool {
        self.at < self.batch.len() || self.batch.next() >= until
    }

    fn read_on(&mut self, stop: &AtomicBool) -> Result<Event> {
        let InputLog { reader, spare, .. } = self;
        Ok(patiently(stop, || reader.read(PATIENCE, spare))?)
    }

    fn put(&mut self, batch: Batch) {
        self.spare.push(std::mem::replace(&mut self.batch, batch));
        self.at = 0;
    }
}
