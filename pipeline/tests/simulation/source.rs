//! The source of a slot, with its faults: it fails, pauses, and returns as few messages as
//! requested.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use seismic_pipeline::simulation::Clock;
use seismic_queue::{Batch, Error, Event, FencingToken, Offset, Partition, Result, Source};

use crate::ground::{Ground, HERE, Known};

/// How a call fails.
#[derive(Clone, Copy, PartialEq)]
pub enum Fault {
    /// It may be retried.
    Busy,
    /// The process dies here.
    Dead,
}

/// What the next calls will do; set by the world.
#[derive(Default)]
pub struct Orders {
    pub polls: VecDeque<Fault>,
    pub ends: VecDeque<Fault>,
    pub pause: u8,
    /// At most that many messages in the next batch; 0 is without limit.
    pub messages: usize,
    /// The job is to stop: nothing moves any more.
    pub is_stopping: bool,
    /// The job was taken over: what it is told is of no weight any more.
    pub is_fenced: bool,
}

/// The handle by which the world gives orders.
pub type Shared = Arc<Mutex<Orders>>;

pub struct Simulated {
    inner: Box<dyn Source>,
    orders: Shared,
    ground: Arc<Ground>,
    partitions: Vec<Partition>,
    /// Fetched and not delivered yet, from this place on.
    rest: Option<(Batch, usize)>,
}

impl Simulated {
    pub fn new(
        inner: Box<dyn Source>,
        partitions: &[Partition],
        ground: &Arc<Ground>,
    ) -> (Self, Shared) {
        let (orders, ground) = (Shared::default(), Arc::clone(ground));
        let partitions = partitions.to_vec();
        (Simulated { inner, orders: Arc::clone(&orders), ground, partitions, rest: None }, orders)
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap()
    }

    /// Writes down what this source said, while it counts.
    fn write_down(&self, partition: Partition, note: impl FnOnce(&mut Known)) {
        if !self.orders().is_fenced {
            self.ground.known(partition, note);
        }
    }

    /// The next piece of what was fetched.
    fn piece(&mut self, batch: Batch, from: usize, spare: &mut Vec<Batch>) -> Event {
        let left = batch.len() - from;
        let count = match self.orders().messages {
            0 => left,
            most => left.min(most),
        };
        let mut piece = spare.pop().unwrap_or_default();
        piece.reset(batch.partition(), batch.message(from).offset);
        (from..from + count).for_each(|i| piece.push(batch.message(i)));
        self.write_down(batch.partition(), |known| known.asked.delivered(piece.next()));
        self.ground
            .note("delivered: partition, up to", &[batch.partition().0.into(), piece.next().0]);
        if count < left {
            self.rest = Some((batch, from + count));
        } else {
            spare.push(batch);
        }
        Event::Batch(piece)
    }
}

impl Simulated {
    fn end(&mut self, partition: Partition) -> Result<Offset> {
        let fault = self.orders().ends.pop_front();
        if let Some(fault) = fault {
            self.write_down(partition, |known| known.asked.failed());
            self.ground.note("end unknown: partition", &[partition.0.into()]);
            return Err(error(fault, "asking for the log's end"));
        }
        let (end, now) = (self.inner.ends(&[partition]).remove(0)?, self.ground.now());
        self.write_down(partition, |known| known.asked.answered(now, end));
        Ok(end)
    }
}

impl Source for Simulated {
    fn poll(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event> {
        let fault = self.orders().polls.pop_front();
        if let Some(fault) = fault {
            for &partition in &self.partitions {
                self.write_down(partition, |known| known.asked.failed());
            }
            self.ground.note("poll failed", &[]);
            return Err(error(fault, "polling"));
        }
        let is_paused = self.orders().pause > 0;
        if is_paused {
            self.orders().pause -= 1;
            self.ground.wait(wait);
            return Ok(Event::Nothing);
        }
        if let Some((batch, from)) = self.rest.take() {
            return Ok(self.piece(batch, from, spare));
        }
        match self.inner.poll(Duration::ZERO, spare)? {
            Event::Batch(batch) => Ok(self.piece(batch, 0, spare)),
            Event::Nothing => {
                self.ground.wait(wait);
                Ok(Event::Nothing)
            }
            event => Ok(event),
        }
    }

    fn start(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        let is_started = |rest: &Batch| at.iter().any(|(it, _)| *it == rest.partition());
        self.rest.take_if(|(rest, _)| is_started(rest));
        for &(partition, position) in at {
            self.ground.note("started: partition, at", &[partition.0.into(), position.0]);
            let committed = self.ground.known(partition, |known| known.committed);
            match committed {
                None => self.ground.broke("a partition is read before its start is committed"),
                Some(committed) if position < committed => {
                    self.ground.saw("a replay of messages");
                }
                Some(_) => {}
            }
            let is_known = self.partitions.contains(&partition);
            if !is_known {
                self.partitions.push(partition);
            }
            // What is given to a slot that is about to end is started only to be made again.
            if !is_known && !self.orders().is_stopping {
                // Of another slot: it stood there, and nothing of it is done again.
                if committed != Some(position) && !self.orders().is_fenced {
                    let at = format!("{position:?}, committed up to {committed:?}");
                    self.ground.broke(format!("a partition moved and did not stand there: {at}"));
                }
                // What was noted of its idle sensors came with it.
                continue;
            }
            self.write_down(partition, |known| {
                known.asked.started(position, known.committed.unwrap_or_default());
            });
        }
        self.inner.start(at)
    }

    fn release(&mut self, partitions: &[Partition]) -> Result<()> {
        self.ground.saw("a partition that moves to another slot");
        self.rest.take_if(|(rest, _)| partitions.contains(&rest.partition()));
        self.partitions.retain(|partition| !partitions.contains(partition));
        self.inner.release(partitions)
    }

    fn pause(&mut self, partitions: &[Partition]) -> Result<()> {
        self.inner.pause(partitions)
    }

    fn resume(&mut self, at: &[(Partition, Offset)]) -> Result<()> {
        // Fetched again from there.
        let is_resumed = |rest: &Batch| at.iter().any(|(it, _)| *it == rest.partition());
        self.rest.take_if(|(rest, _)| is_resumed(rest));
        self.inner.resume(at)
    }

    fn ends(&mut self, partitions: &[Partition]) -> Vec<Result<Offset>> {
        partitions.iter().map(|&partition| self.end(partition)).collect()
    }

    fn in_flight(&mut self) -> Result<Duration> {
        self.inner.in_flight()
    }

    fn fencing_token(&self) -> FencingToken {
        self.inner.fencing_token()
    }

    fn is_lost(&mut self) -> bool {
        self.inner.is_lost()
    }
}

pub fn error(fault: Fault, doing: &'static str) -> Error {
    match fault {
        Fault::Busy => Error::Busy { at: HERE.into(), doing },
        Fault::Dead => Error::Failpoint { at: HERE.into(), doing },
    }
}
