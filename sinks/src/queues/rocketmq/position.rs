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

/// The rows of the job that wrote the newest message. Another job may have written before it, as
/// when its store was deleted; its rows are no position of this one.
pub(super) fn mark(spec: &SinkSpec, queue: &Url) -> Result<Option<SinkMark>> {
    let Some(nameservers) = queue.address() else { return Ok(None) };
    let cluster = RocketQueue::open(nameservers)?;
    let topic = match cluster.topic(spec.target()) {
        Err(QueueError::TopicMissing { .. }) => return Ok(None),
        found => found?,
    };
    let mut outlet = cluster.outlet(&topic)?;
    let mut queues = Vec::new();
    for partition in topic.all() {
        let (span, mut seen) = (outlet.span(partition)?, Vec::new());
        let from = Offset(span.end.0.saturating_sub(NEWEST)).max(span.first);
        if from < span.end {
            outlet.read_back(partition, from, span.end, &mut |at, store_ms, properties| {
                seen.extend(RowHeader::of(properties).map(|header| SinkMessage {
                    at,
                    store_ms,
                    header,
                }));
            })?;
        }
        queues.push(seen);
    }
    Ok(newest_of(&queues))
}

/// A message of a sink.
struct SinkMessage {
    at: Offset,
    store_ms: i64,
    header: RowHeader,
}

/// What these messages of all queues say.
fn newest_of(queues: &[Vec<SinkMessage>]) -> Option<SinkMark> {
    let newest = queues.iter().flatten().max_by_key(|seen| (seen.store_ms, seen.at))?;
    let job = &newest.header.job;
    let next = |seen: &Vec<SinkMessage>| {
        let mut rule = ReaderRule::default();
        for it in seen.iter().filter(|it| it.header.job == *job) {
            rule.accept(it.at, &it.header);
        }
        rule.next().unwrap_or_default()
    };
    Some(SinkMark { store_id: job.clone(), topic: None, next: queues.iter().map(next).collect() })
}

#[cfg(test)]
mod tests {
    use seismic_queue::Partition;

    use super::super::reader_rule::MessageKind;
    use super::*;

    fn row(job: &str, at: u64, store_ms: i64, row: u64) -> SinkMessage {
        let kind = MessageKind::Row { row: Offset(row), fence: Offset(0) };
        let (job, partition) = (job.to_owned(), Partition(0));
        SinkMessage {
            at: Offset(at),
            store_ms,
            header: RowHeader { job, partition, epoch: 1, kind },
        }
    }

    #[test]
    fn the_job_of_the_newest_message_of_all_queues_is_the_one_that_counts() {
        let queues = [
            vec![row("old", 1, 10, 70), row("new", 2, 20, 4)],
            vec![row("old", 8, 15, 90)],
            vec![],
        ];
        let mark = newest_of(&queues).unwrap();
        assert_eq!((&*mark.store_id, mark.next), ("new", vec![Offset(5), Offset(0), Offset(0)]));
        assert_eq!(newest_of(&[vec![]]), None);
    }
}
