//! The loop between a store and one sink.
//!
//! It reads committed rows, hands them to the sink, has them synced in time, and notes in the store
//! how far the sink has come. The caller gives it a thread of its own: whatever a sink does, the
//! job does not wait for it. Memory is bounded by two batches.

use std::time::{Duration, Instant};

use seismic_queue::{Batch, Error as QueueError, Event, JobStore, Kind, Offset, Partition, Reader};
use seismic_queue::{Span, Topic, View};

use crate::stop::{Finish, Order};
use crate::{Error, Result, Sink, limits};

/// Carries the rows of a store's result topic to a sink.
pub struct Relay<'a> {
    store: &'a dyn JobStore,
    sink: Box<dyn Sink>,
    reader: Box<dyn Reader>,
    spare: Vec<Batch>,
    /// Read, but not taken by the sink yet.
    pending: Option<Batch>,
    /// Next row of each partition that the sink was not given.
    written: Vec<Offset>,
    /// Up to where there is nothing else to give it: beyond that only where a rewind took out rows.
    reached: Vec<Offset>,
    /// Next row of each partition that is not durable in the sink.
    synced: Vec<Offset>,
    /// What the store was told last.
    noted: Vec<Offset>,
    /// When the oldest row that is not synced was written.
    dirty_since: Option<Instant>,
}

impl<'a> Relay<'a> {
    /// Lets the sink recover and reads on from where it says. The store must have been owned once.
    ///
    /// # Errors
    /// [`OffsetGone`](QueueError::OffsetGone) when the sink still needs rows that the store has let
    /// go of, [`OffsetBeyond`](QueueError::OffsetBeyond) when it has rows that the store does not
    /// know: it never skips or guesses. Otherwise as [`Sink::recover`].
    pub fn new(store: &'a dyn JobStore, mut sink: Box<dyn Sink>) -> Result<Self> {
        let view = store.view()?;
        let topic = store.topics().topic(view.job.main_topic())?;
        let spans = store.topics().spans(&topic)?;
        let start = sink.recover(&spans)?;
        // Another process may have written for this sink meanwhile, rows that were not there before.
        let spans = store.topics().spans(&topic)?;
        assert_eq!(start.len(), spans.len(), "a sink answers for every partition");
        for (partition, (&at, span)) in topic.all().zip(start.iter().zip(&spans)) {
            check_start(&topic, partition, at, span)?;
        }
        if sink.keeps_position() {
            check_cuts(sink.name(), &start, &view)?;
        }
        let reader = store.topics().reader(&topic, &named(&start))?;
        if sink.keeps_position() {
            // Before anything is shown: retention must not take rows that a new sink begins with.
            store.put_sink_position(sink.name(), &named(&start))?;
        }
        tracing::info!(sink = sink.name(), at = ?start, "sink goes on");
        Ok(Relay {
            store,
            sink,
            reader,
            spare: Vec::new(),
            pending: None,
            written: start.clone(),
            reached: start.clone(),
            synced: start.clone(),
            noted: start,
            dirty_since: None,
        })
    }

    /// Name of the sink.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sink.name()
    }

    /// Next row of each partition that is not durable in the sink yet, in order of partitions.
    #[must_use]
    pub fn position(&self) -> &[Offset] {
        &self.synced
    }

    /// Whether every row before these ends is durable in the sink.
    #[must_use]
    pub fn caught_up_to(&self, ends: &[Span]) -> bool {
        self.synced == self.written && reached(&self.reached, ends)
    }

    /// Waits up to `wait` for rows, writes them, and syncs when it is time. Gives the number of
    /// rows written.
    ///
    /// # Errors
    /// Of kind `Retry`: call again, nothing is lost. Otherwise the relay is of no further use.
    pub fn turn(&mut self, wait: Duration) -> Result<usize> {
        if self.pending.is_none() {
            // Rows that wait for their sync must not wait for other rows.
            let until_sync = self.until_sync().unwrap_or(wait);
            match self.reader.read(wait.min(until_sync), &mut self.spare)? {
                Event::Batch(batch) => self.pending = Some(batch),
                Event::CaughtUp(partition, at) => self.reached[partition.0 as usize] = at,
                event => debug_assert!(matches!(event, Event::Nothing)),
            }
        }
        let rows = self.write()?;
        if self.until_sync() == Some(Duration::ZERO) || self.noted != self.synced {
            self.sync()?;
        }
        Ok(rows)
    }

    /// Syncs what is written and notes the position in the store. Does nothing when both are done.
    ///
    /// # Errors
    /// As [`Relay::turn`].
    pub fn sync(&mut self) -> Result<()> {
        if self.synced != self.written {
            self.sink.sync()?;
            self.synced.clone_from(&self.written);
            self.dirty_since = None;
        }
        if self.noted != self.synced {
            if self.sink.keeps_position() {
                self.store.put_sink_position(self.sink.name(), &named(&self.synced))?;
            }
            self.noted.clone_from(&self.synced);
        }
        Ok(())
    }

    /// Runs until `finish` says otherwise; what may pass is tried again, with pauses, for as long
    /// as it takes.
    ///
    /// # Errors
    /// The first error that does not pass. Rows not synced by then come again after a restart.
    pub fn run(&mut self, finish: &Finish) -> Result<()> {
        let mut pause = Duration::ZERO;
        loop {
            let order = finish.order();
            let tried = match &order {
                Order::Stop => return self.stop(),
                Order::After(ends) if reached(&self.reached, ends) => self.sync(),
                _ => self.turn(limits::READ_WAIT).map(drop),
            };
            match tried {
                Ok(()) if pause > Duration::ZERO => {
                    tracing::warn!(sink = self.name(), "sink goes on; nothing was lost");
                    pause = Duration::ZERO;
                }
                Ok(()) => {}
                Err(error) if error.kind() == Kind::Retry => {
                    if pause.is_zero() {
                        tracing::error!(sink = self.name(), %error, "sink is stuck, trying again");
                    }
                    pause = (pause * 2).clamp(limits::PAUSE_MIN, limits::PAUSE_MAX);
                    finish.pause(pause);
                }
                Err(error) => return Err(error),
            }
            if matches!(&order, Order::After(ends) if self.caught_up_to(ends)) {
                return Ok(());
            }
        }
    }

    /// The last sync. A failure that would pass is no reason to stay: the rows come again.
    fn stop(&mut self) -> Result<()> {
        match self.sync() {
            Err(error) if error.kind() == Kind::Retry => {
                tracing::warn!(sink = self.name(), %error, "stopped before the last sync");
                Ok(())
            }
            other => other,
        }
    }

    /// Gives the pending batch to the sink; keeps it when that fails.
    fn write(&mut self) -> Result<usize> {
        let Some(batch) = &self.pending else {
            return Ok(0);
        };
        self.sink.write(batch)?;
        let rows = batch.len();
        let written = &mut self.written[batch.partition().0 as usize];
        assert!(batch.next() >= *written, "positions only move forward");
        *written = batch.next();
        self.reached[batch.partition().0 as usize] = batch.next();
        self.dirty_since.get_or_insert_with(Instant::now);
        if self.spare.is_empty() {
            self.spare.extend(self.pending.take());
        }
        self.pending = None;
        Ok(rows)
    }

    /// How long written rows may still wait for their sync; `None` when there are none.
    fn until_sync(&self) -> Option<Duration> {
        self.dirty_since.map(|since| limits::SYNC_EVERY.saturating_sub(since.elapsed()))
    }
}

/// Refuses a sink that has rows which a rewind took back: one that has not goes on where such rows
/// were, or after what came next.
fn check_cuts(sink: &str, start: &[Offset], view: &View) -> Result<()> {
    for ((partition, &at), part) in (0..).map(Partition).zip(start).zip(&view.partitions) {
        if part.outputs[0].cuts.iter().any(|cut| cut.first < at && at <= cut.end) {
            return Err(Error::TakenBack { sink: sink.to_owned(), partition, at });
        }
    }
    Ok(())
}

/// Refuses to begin where the topic has no rows, instead of skipping or guessing.
fn check_start(topic: &Topic, partition: Partition, at: Offset, span: &Span) -> Result<()> {
    let name = || topic.name.clone();
    if at < span.first {
        let (topic, first) = (name(), span.first);
        return Err(QueueError::OffsetGone { topic, partition, wanted: at, first }.into());
    }
    if at > span.end {
        let (topic, end) = (name(), span.end);
        return Err(Error::Queue(QueueError::OffsetBeyond { topic, partition, wanted: at, end }));
    }
    Ok(())
}

/// Partitions that the topic got, and of which one side does not know yet, have nothing to be waited for.
fn reached(position: &[Offset], ends: &[Span]) -> bool {
    position.iter().zip(ends).all(|(at, span)| *at >= span.end)
}

fn named(offsets: &[Offset]) -> Vec<(Partition, Offset)> {
    (0..).map(Partition).zip(offsets.iter().copied()).collect()
}
