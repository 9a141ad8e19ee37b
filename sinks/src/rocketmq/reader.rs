//! Reads a topic that the sink wrote, by the readers' rule.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seismic_queue::{Event, Offset, Partition, Queue, Topic};
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
            outlet.read_back(partition, span.first, span.first.next(), &mut |_, properties| {
                is_marked = RowHeader::of(properties).is_some();
            })?;
            return Ok(is_marked);
        }
    }
    Ok(false)
}

/// A row that counts, so that every reader sees it.
#[derive(Clone, Copy, Debug)]
pub struct VisibleRow<'a> {
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
    let seen: Arc<Mutex<(VecDeque<Offset>, u64)>> = Arc::default();
    let (to, job) = (Arc::clone(&seen), job.to_owned());
    let mut rule = ReaderRule::default();
    let keeps = move |_: Partition, offset, properties: Properties<'_>| {
        let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
        match RowHeader::of(properties).filter(|it| it.job == job && it.partition == partition) {
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
    let keeps: Option<Keeps> = Some(Box::new(keeps));
    let mut reader = cluster.reader_keeping(topic, &at, keeps).map_err(crate::Error::from)?;
    let mut spare = Vec::new();
    loop {
        match reader.read(WAIT, &mut spare).map_err(crate::Error::from)? {
            Event::Batch(batch) => {
                for message in batch.messages() {
                    let row = seen.lock().unwrap_or_else(PoisonError::into_inner).0.pop_front();
                    let row = row.expect("each kept message was seen");
                    show(VisibleRow { row, value: message.value })?;
                }
                spare.push(batch);
            }
            Event::CaughtUp(_, end) if end >= span.end => {
                return Ok(seen.lock().unwrap_or_else(PoisonError::into_inner).1);
            }
            _ => {}
        }
    }
}
