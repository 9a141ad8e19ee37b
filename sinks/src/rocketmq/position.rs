//! The position of the sink as read from its topic, independent of its state in the store, which
//! may be older.

use seismic_queue::{Error as QueueError, Offset, Queue as _, Url};
use seismic_rocketmq::RocketQueue;

use super::reader_rule::{ReaderRule, RowHeader};
use crate::position::mark::SinkMark;
use crate::{Result, SinkSpec};

/// Newest messages of each queue that are looked at. The last row is among them, unless someone has
/// just taken the sink over that many times.
const NEWEST: u64 = 64;

/// The rows of the job that wrote the newest messages.
pub(super) fn mark(spec: &SinkSpec, queue: &Url) -> Result<Option<SinkMark>> {
    let Some(nameservers) = queue.address() else { return Ok(None) };
    let cluster = RocketQueue::open(nameservers)?;
    let topic = match cluster.topic(spec.target()) {
        Err(QueueError::TopicMissing { .. }) => return Ok(None),
        found => found?,
    };
    let mut outlet = cluster.outlet(&topic)?;
    let (mut job, mut next) = (None, Vec::new());
    for partition in topic.all() {
        let (span, mut rule) = (outlet.span(partition)?, ReaderRule::default());
        let from = Offset(span.end.0.saturating_sub(NEWEST)).max(span.first);
        if from < span.end {
            outlet.read_back(partition, from, span.end, &mut |at, _, properties| {
                let Some(header) = RowHeader::of(properties) else { return };
                if *job.get_or_insert_with(|| header.job.clone()) == header.job {
                    rule.accept(at, &header);
                }
            })?;
        }
        next.push(rule.next().unwrap_or_default());
    }
    Ok(job.map(|store_id| SinkMark { store_id, next }))
}
