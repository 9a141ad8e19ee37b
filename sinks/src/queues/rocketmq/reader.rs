//! Reads a topic that the sink wrote, by the readers' rule.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seismic_queue::{Batch, Event, Offset, Partition, Queue, Reader, Span, Topic};
use seismic_rocketmq::{Keeps, Properties, RocketQueue};

use super::reader_rule::{ReaderRule, RowHeader};
use crate::Result;

/// Longest wait for a broker that has more.
const WAIT: Duration = Duration::from_secs(1);

/// The rule for a reader of several queues: [`RocketQueue::reading_by`].
#[must_use]
pub fn reader_rule() -> Keeps {
    let mut rules: BTreeMap<Partition, ReaderRule> = BTreeMap::new();
    Box::new(move |partition, offset, properties: Properties<'_>| {
        let rule = rules.entry(partition).or_default();
        RowHeader::of(properties).is_some_and(|header| rule.accept(offset, &header).is_some())
    })
}

/// Whether the first message that a partition still has is one of a sink's.
///
/// # Errors
/// When the broker cannot be asked.
pub fn is_of_a_sink(cluster: &RocketQueue, topic: &Topic) -> Result<bool> {
    let mut outlet = cluster.outlet(topic)?;
    for partition in topic.all() {
        let span = outlet.span(partition)?;
        if span.first < span.end {
            let mut is_marked = false;
            outlet.read_back(
                partition,
                span.first,
                span.first.next(),
                &mut |_, _, properties| {
                    is_marked = RowHeader::of(properties).is_some();
                },
            )?;
            return Ok(is_marked);
        }
    }
    Ok(false)
}

/// A row that counts, so that every reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct VisibleRow<'a> {
    /// Offset in the queue.
    pub at: Offset,
    /// Offset in the result topic.
    pub row: Offset,
    /// Its bytes.
    pub value: &'a [u8],
}

/// Shows the rows of `job` that count, of one partition, in order; the number of messages of
/// others.
///
/// # Errors
/// When the broker cannot be asked, or what `show` says.
pub fn each_row<E: From<crate::Error>>(
    cluster: &RocketQueue,
    topic: &Topic,
    partition: Partition,
    job: &str,
    show: &mut dyn FnMut(VisibleRow<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<u64, E> {
    let spans = cluster.spans(topic).map_err(crate::Error::from)?;
    let span = spans[partition.0 as usize];
    let mut rows = WrittenRows::open(cluster, (topic, partition, job), span)?;
    while rows.read(show)? {}
    Ok(rows.foreign())
}

/// The rows of a job that count, of one partition, in order.
pub(super) struct WrittenRows {
    reader: Box<dyn Reader>,
    /// Rows that the reader gave, and messages of others: found by the rule that the reader asks.
    seen: Arc<Mutex<(VecDeque<Offset>, u64)>>,
    /// Where they end in the queue.
    until: Offset,
    spare: Vec<Batch>,
}

impl WrittenRows {
    /// Those of that span of the queue.
    pub(super) fn open(
        cluster: &RocketQueue,
        (topic, partition, job): (&Topic, Partition, &str),
        span: Span,
    ) -> Result<WrittenRows> {
        let seen: Arc<Mutex<(VecDeque<Offset>, u64)>> = Arc::default();
        let (to, job) = (Arc::clone(&seen), job.to_owned());
        let mut rule = ReaderRule::default();
        let keeps = move |_: Partition, offset, properties: Properties<'_>| {
            let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
            let header = RowHeader::of(properties);
            match header.filter(|it| it.job == job && it.partition == partition) {
                Some(header) => {
                    let row = rule.accept(offset, &header);
                    to.0.extend(row);
                    row.is_some()
                }
                None => {
                    to.1 += 1;
                    false
                }
            }
        };
        let at = [(partition, span.first)];
        let reader = cluster.reader_keeping(topic, &at, Some(Box::new(keeps)))?;
        Ok(WrittenRows { reader, seen, until: span.end, spare: Vec::new() })
    }

    /// Shows the next of them; `false` when these were all.
    pub(super) fn read<E: From<crate::Error>>(
        &mut self,
        show: &mut dyn FnMut(VisibleRow<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<bool, E> {
        match self.reader.read(WAIT, &mut self.spare).map_err(crate::Error::from)? {
            Event::Batch(batch) => {
                for message in batch.messages() {
                    let row =
                        self.seen.lock().unwrap_or_else(PoisonError::into_inner).0.pop_front();
                    let row = row.expect("each kept message was seen");
                    show(VisibleRow { at: message.offset, row, value: message.value })?;
                }
                let is_more = batch.next() < self.until;
                self.spare.push(batch);
                Ok(is_more)
            }
            Event::CaughtUp(_, end) => Ok(end < self.until),
            _ => Ok(true),
        }
    }

    /// Messages of others among them so far.
    fn foreign(&self) -> u64 {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
