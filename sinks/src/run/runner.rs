//! The loop between a store and one sink.
//!
//! It reads committed rows, decodes them once, hands them to the sink, has them synced in time, and
//! writes down in the store how far the sink has come. It runs on a thread of its own: whatever a
//! sink does, the job does not wait for it. Memory is bounded by two batches.

use std::sync::Arc;
use std::time::{Duration, Instant};

use seismic_proto::Schema;
use seismic_queue::{Batch, Event, JobStore, Kind, Offset, Partition, Reader, Retries, Span};

use super::beginning::{Begun, begin, named};
use super::kept::Kept;
use super::metrics::SinkMetrics;
use super::stop::{Order, SinkStop};
use crate::position::mark::SinkAhead;
use crate::rows::RowDecoder;
use crate::rows::filter::Filter;
use crate::{Context, Error, Result, Sink, SinkSpec, SkippedRows, limits, registry};

/// Whether rows of a partition are shown.
type Shown = Box<dyn Fn(Partition) -> bool + Send>;

/// Carries the rows of one of a store's topics to a sink.
pub struct SinkRunner {
    store: Arc<dyn JobStore>,
    /// Name of the topic that the sink shows.
    topic: String,
    /// Its place among the outputs of the job.
    output: usize,
    sink: Box<dyn Sink>,
    reader: Box<dyn Reader>,
    decoder: RowDecoder,
    spare: Vec<Batch>,
    /// Read and decoded, but not wholly written yet.
    pending: Option<Batch>,
    /// How many messages of it are written.
    pending_from: usize,
    /// Next row of each partition that the sink was not given.
    written: Vec<Offset>,
    /// Up to where there is nothing else to give it: beyond that only where a rewind removed rows.
    reached: Vec<Offset>,
    /// Next row of each partition that is not durable in the sink.
    synced: Vec<Offset>,
    /// The position that the store has.
    stored: Vec<Offset>,
    /// Rows before it that are kept; `None`: none.
    kept: Option<Kept>,
    /// When the oldest row that is not synced was written.
    dirty_since: Option<Instant>,
    /// Rows that are written and not synced.
    dirty_rows: usize,
    batch_rows: usize,
    /// Rows after which it syncs at once.
    sync_rows: usize,
    flush_every: Duration,
    only: Option<Shown>,
    /// Whether a row that its target refuses for its content is passed over.
    passes_over_refused: bool,
    metrics: Arc<SinkMetrics>,
}

impl SinkRunner {
    /// Opens the sink that `spec` names, with its batch size and flush interval, and lets it
    /// recover.
    ///
    /// # Errors
    /// As [`registry::open`] and [`SinkRunner::new`].
    pub fn open(spec: &SinkSpec, context: &Context, store: &Arc<dyn JobStore>) -> Result<Self> {
        let context = &context.of_source(spec, &store.view()?)?;
        let filter = Filter::of(spec.condition(), &context.schema)?;
        let sink = registry::open(spec, context)?;
        let runner = SinkRunner::of_output(Arc::clone(store), sink, context.output)?;
        let mut runner = runner.schema(&context.schema);
        runner.decoder.choice().filter = filter;
        runner.passes_over_refused = spec.passes_over_refused();
        if runner.sink.keeps_position() {
            let of = (runner.sink.name(), runner.output);
            runner.kept = Kept::begin(&**store, of, spec.hold_behind(), &runner.synced)?;
        }
        let mut runner = runner.flush(spec.batch_rows(), spec.flush_every());
        if spec.parallelism() > 1 {
            // Its connections begin by themselves; a sync waits for all of them.
            let transactions = spec.parallelism().saturating_mul(limits::TRANSACTIONS_AHEAD);
            runner.sync_rows = runner.batch_rows.saturating_mul(transactions);
        }
        Ok(runner)
    }

    /// Lets the sink recover and reads from where its answer says. The store must have been leased
    /// once.
    ///
    /// # Errors
    /// [`OffsetGone`](seismic_queue::Error::OffsetGone) when the sink still needs rows that the
    /// store has deleted, [`Error::Ahead`] when it has rows that the store does not know: it never
    /// skips or guesses. Otherwise as [`Sink::recover`].
    pub fn new(store: Arc<dyn JobStore>, sink: Box<dyn Sink>) -> Result<Self> {
        SinkRunner::of_output(store, sink, 0)
    }

    /// As [`SinkRunner::new`], for the output at that place of the job.
    fn of_output(store: Arc<dyn JobStore>, mut sink: Box<dyn Sink>, output: usize) -> Result<Self> {
        let Begun { topic, start, reader, skipped } = begin(&*store, &mut *sink, output)?;
        let metrics = Arc::new(SinkMetrics::of(sink.name()));
        metrics.at(&start);
        let mut decoder = RowDecoder::new(&topic, Schema::windows());
        decoder.choice().skipped = skipped;
        Ok(SinkRunner {
            store,
            sink,
            reader,
            decoder,
            topic,
            output,
            passes_over_refused: false,
            spare: Vec::new(),
            pending: None,
            pending_from: 0,
            written: start.clone(),
            reached: start.clone(),
            synced: start.clone(),
            stored: start,
            kept: None,
            dirty_since: None,
            dirty_rows: 0,
            batch_rows: usize::MAX,
            sync_rows: usize::MAX,
            flush_every: limits::FLUSH_EVERY,
            only: None,
            metrics,
        })
    }

    /// For rows of this schema (default: [`Schema::windows`]).
    #[must_use]
    pub fn schema(self, schema: &Schema) -> Self {
        let decoder = self.decoder.with_schema(schema);
        SinkRunner { decoder, ..self }
    }

    /// Writes at most `batch_rows` rows at once, and syncs after as many or after `flush_every`.
    #[must_use]
    pub fn flush(self, batch_rows: usize, flush_every: Duration) -> Self {
        SinkRunner { batch_rows, sync_rows: batch_rows, flush_every, ..self }
    }

    /// Of a job that several workers share, a console shows only the partitions of its own, so that
    /// together they show everything once. A sink that keeps a position shows everything all the
    /// same: it would take rows that it was not given for shown.
    #[must_use]
    pub fn only(self, shown: impl Fn(Partition) -> bool + Send + 'static) -> Self {
        let only: Option<Shown> =
            if self.sink.keeps_position() { None } else { Some(Box::new(shown)) };
        SinkRunner { only, ..self }
    }

    /// Name of the sink.
    #[must_use]
    pub fn name(&self) -> &str {
        self.sink.name()
    }

    /// What it has done so far.
    #[must_use]
    pub fn metrics(&self) -> Arc<SinkMetrics> {
        Arc::clone(&self.metrics)
    }

    /// Counts what it does there, on top of what is counted already.
    pub(crate) fn counting(self, metrics: &Arc<SinkMetrics>) -> Self {
        metrics.at(&self.synced);
        SinkRunner { metrics: Arc::clone(metrics), ..self }
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

    /// Waits up to `wait` for rows, writes them, and syncs when it is time. Returns the number of
    /// rows written.
    ///
    /// # Errors
    /// Of kind `Retry`: call again, nothing is lost. Otherwise the runner is of no further use.
    pub fn turn(&mut self, wait: Duration) -> Result<usize> {
        if self.pending.is_none() {
            // Rows that wait for their sync must not wait for other rows.
            let until_sync = self.until_sync().unwrap_or(wait);
            match self.reader.read(wait.min(until_sync), &mut self.spare).map_err(Error::of_rows)? {
                Event::Batch(batch) => {
                    self.decoder.decode(&batch)?;
                    (self.pending, self.pending_from) = (Some(batch), 0);
                }
                Event::CaughtUp(partition, at) => self.reached[partition.0 as usize] = at,
                event => debug_assert!(matches!(event, Event::Nothing)),
            }
        }
        let rows = self.write()?;
        if self.until_sync() == Some(Duration::ZERO) || self.stored != self.synced {
            self.sync()?;
        }
        self.keep()?;
        Ok(rows)
    }

    /// Syncs what is written and puts the position into the store. Does nothing when both are done.
    ///
    /// # Errors
    /// As [`SinkRunner::turn`].
    pub fn sync(&mut self) -> Result<()> {
        if self.synced != self.written {
            let begun = Instant::now();
            self.sink.sync()?;
            self.synced.clone_from(&self.written);
            (self.dirty_since, self.dirty_rows) = (None, 0);
            self.metrics.flushed(begun.elapsed(), &self.synced);
        }
        if self.stored != self.synced {
            if self.sink.keeps_position() {
                let at = named(&self.synced);
                self.store.put_sink_position(self.sink.name(), self.output, &at)?;
            }
            self.stored.clone_from(&self.synced);
        }
        Ok(())
    }

    /// Lets retention have what is kept for long enough.
    fn keep(&mut self) -> Result<()> {
        let of = (self.sink.name(), self.output);
        match &mut self.kept {
            Some(kept) => kept.pass(&*self.store, of, &self.stored),
            None => Ok(()),
        }
    }

    /// Runs until `stop` orders otherwise, and writes nothing while it is held. What may pass is
    /// retried, with pauses, for as long as it takes.
    ///
    /// # Errors
    /// The first error that does not pass. Rows not synced by then come again after a restart.
    pub fn run(&mut self, stop: &SinkStop) -> Result<()> {
        let mut retries = Retries::new(limits::retry_policy());
        loop {
            let order = stop.order();
            let tried = match &order {
                Order::Stop => {
                    let ended = self.last_sync();
                    return ended.inspect_err(|error| self.metrics.failed(error));
                }
                Order::After(ends) if reached(&self.reached, ends) => {
                    self.sync().and_then(|()| self.check_ahead(ends))
                }
                Order::Run if stop.is_held() => {
                    if self.stored == self.synced && self.synced == self.written {
                        stop.pause(limits::HELD_LOOK);
                        continue;
                    }
                    self.sync()
                }
                _ => self.turn(limits::READ_WAIT).map(drop),
            };
            match tried {
                Ok(()) => {
                    if retries.has_recovered() {
                        tracing::warn!(sink = self.name(), "sink works again; nothing was lost");
                    }
                }
                Err(error) if error.kind() == Kind::Retry => {
                    if !retries.is_failing() {
                        self.metrics.failed(&error);
                        tracing::error!(sink = self.name(), %error, "sink failed, retrying");
                    }
                    self.metrics.retried();
                    stop.pause(retries.failed());
                }
                Err(Error::RowRefused { partition, offset, what, .. })
                    if self.passes_over_refused =>
                {
                    if !self.pass_over_patiently((partition, offset), &what, stop, &mut retries)? {
                        return Ok(());
                    }
                }
                Err(error) => {
                    self.metrics.failed(&error);
                    return Err(error);
                }
            }
            if matches!(&order, Order::After(ends) if self.caught_up_to(ends)) {
                return Ok(());
            }
        }
    }

    /// Passes over a row that the sink's target does not take; what may pass is retried. `false`
    /// when a stop came first: the sink is of no use then, and the rows come again.
    fn pass_over_patiently(
        &mut self,
        (partition, offset): (Partition, Offset),
        reason: &str,
        stop: &SinkStop,
        retries: &mut Retries,
    ) -> Result<bool> {
        tracing::warn!(
            sink = self.name(), %partition, %offset, reason,
            "the target does not take a row: it is passed over, and kept in the store"
        );
        while let Err(error) = self.pass_over((partition, offset), reason) {
            if error.kind() != Kind::Retry {
                self.metrics.failed(&error);
                return Err(error);
            }
            if !retries.is_failing() {
                self.metrics.failed(&error);
                tracing::error!(sink = self.name(), %error, "sink failed, retrying");
            }
            if matches!(stop.order(), Order::Stop) {
                return Ok(false);
            }
            self.metrics.retried();
            stop.pause(retries.failed());
        }
        Ok(true)
    }

    /// Notes such a row in the store, and begins again after what is durable.
    fn pass_over(&mut self, place: (Partition, Offset), reason: &str) -> Result<()> {
        let name = self.sink.name().to_owned();
        // With those that a person has it skip meanwhile.
        let mut skipped = SkippedRows::of(&*self.store, &name)?;
        skipped.add(&*self.store, &name, place, reason)?;
        let Begun { start, reader, skipped, .. } =
            begin(&*self.store, &mut *self.sink, self.output)?;
        self.decoder.choice().skipped = skipped;
        (self.reader, self.pending, self.pending_from) = (reader, None, 0);
        for positions in [&mut self.written, &mut self.reached, &mut self.synced, &mut self.stored]
        {
            positions.clone_from(&start);
        }
        (self.dirty_since, self.dirty_rows) = (None, 0);
        self.metrics.refused(&start);
        Ok(())
    }

    /// Refuses to end well while the sink has rows that the store never showed.
    fn check_ahead(&self, ends: &[Span]) -> Result<()> {
        let Some((partition, next)) = self.sink.ahead() else { return Ok(()) };
        let end = ends.get(partition.0 as usize).map_or(next, |span| span.end);
        let (sink, topic) = (self.name().to_owned(), self.topic.clone());
        Err(SinkAhead { sink, topic, partition, next, end }.into())
    }

    /// The last sync. A failure that would pass is no reason to stay: the rows come again, also one
    /// that is to be passed over.
    fn last_sync(&mut self) -> Result<()> {
        match self.sync() {
            Err(error) if error.kind() == Kind::Retry => {
                tracing::warn!(sink = self.name(), %error, "stopped before the last sync");
                Ok(())
            }
            Err(Error::RowRefused { .. }) if self.passes_over_refused => Ok(()),
            other => other,
        }
    }

    /// Gives the next rows of the pending batch to the sink; keeps them when that fails.
    fn write(&mut self) -> Result<usize> {
        let Some(batch) = &self.pending else {
            return Ok(0);
        };
        let partition = batch.partition();
        let until = self.pending_from.saturating_add(self.batch_rows).min(batch.len());
        let rows = self.decoder.rows_of(batch, self.pending_from, until);
        if self.only.as_ref().is_none_or(|shown| shown(partition)) {
            self.sink.write(&rows)?;
        }
        let (count, next, is_whole) = (rows.len(), rows.next(), until == batch.len());
        let written = &mut self.written[partition.0 as usize];
        assert!(next >= *written, "positions only move forward");
        *written = next;
        self.reached[partition.0 as usize] = next;
        self.dirty_since.get_or_insert_with(Instant::now);
        self.dirty_rows += count;
        self.pending_from = until;
        self.metrics.written(count);
        if is_whole {
            if self.spare.is_empty() {
                self.spare.extend(self.pending.take());
            }
            self.pending = None;
        }
        Ok(count)
    }

    /// How long written rows may still wait for their sync; `None` when there are none.
    fn until_sync(&self) -> Option<Duration> {
        if self.dirty_rows >= self.sync_rows {
            return Some(Duration::ZERO);
        }
        self.dirty_since.map(|since| self.flush_every.saturating_sub(since.elapsed()))
    }
}

/// A partition that was added to the topic and that one side does not know yet has nothing to wait
/// for.
fn reached(position: &[Offset], ends: &[Span]) -> bool {
    position.iter().zip(ends).all(|(at, span)| *at >= span.end)
}
