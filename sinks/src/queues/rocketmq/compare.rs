//! Compares a RocketMQ topic, read by the readers' rule, with the result topic up to the position
//! of the sink.

use seismic_proto::Row;
use seismic_queue::{Offset, Partition, Queue, Span, Url};
use seismic_rocketmq::RocketQueue;

use super::reader::{VisibleRow, each_row};
use crate::compare::{Comparison, RowDifferenceKind, TopicRows};
use crate::{Context, Error, Result};

/// Compares the topic with the result topic; the number of rows that are the same.
///
/// Rows that the broker's retention deleted from the head of a queue are not missed; every row from
/// the first one that is still there up to the sink's position must be there once, in order,
/// bit-equal.
pub(super) fn compare(topic: &str, context: &Context, into: &mut Comparison<'_>) -> Result<u64> {
    let Some(nameservers) = context.queue.as_ref().and_then(Url::address) else {
        return Err(Error::other_queue(topic));
    };
    let sink = format!("rocketmq:{topic}");
    let nothing = |what: String| Error::NothingToCompare { sink: sink.clone(), what };
    let cluster = RocketQueue::open(nameservers)?;
    let out = cluster.topic(topic)?;
    if out.partitions != into.topic.partitions {
        return Err(nothing(format!("{topic} is not the topic of this job's sink")));
    }
    let (job, mut same) = (into.view.id.clone(), 0);
    for partition in into.topic.all().collect::<Vec<_>>() {
        let position =
            into.view.sinks.iter().find(|at| at.sink == sink && at.partition == partition);
        let Some(position) = position.map(|at| at.next) else {
            return Err(nothing(format!("this job never had a sink {sink}")));
        };
        let mut side = Side { cluster: &cluster, topic, partition, position, rows: None };
        let mut show =
            |visible: VisibleRow<'_>| side.compare_one(visible, context, into, &mut same);
        let foreign = each_row(&cluster, &out, partition, &job, &mut show)?;
        if foreign > 0 {
            let text = format!("{topic}/{partition} holds {foreign} messages of someone else");
            return Err(nothing(text));
        }
        side.report_missing(into)?;
    }
    Ok(same)
}

/// One queue of the sink's topic next to the rows of its partition.
struct Side<'a, 'b> {
    cluster: &'b RocketQueue,
    topic: &'b str,
    partition: Partition,
    /// Next row that the sink has not made durable.
    position: Offset,
    /// The result topic's rows, from the first that the queue still has.
    rows: Option<TopicRows<'a>>,
}

impl<'a> Side<'a, '_> {
    fn held(&self, into: &Comparison<'a>) -> Span {
        into.held[self.partition.0 as usize]
    }

    fn compare_one(
        &mut self,
        visible: VisibleRow<'_>,
        context: &Context,
        into: &mut Comparison<'a>,
        same: &mut u64,
    ) -> Result<()> {
        let (partition, held) = (self.partition, self.held(into));
        let mut found = Row::new(&context.schema);
        found.decode(&context.schema, visible.value).map_err(|source| Error::Row {
            topic: self.topic.to_owned(),
            partition,
            offset: visible.row,
            what: "its bytes do not fit the topic's columns",
            source: Some(source),
        })?;
        if self.rows.is_none() {
            let is_whole = held.first == Offset(0) && self.is_whole()?;
            let first = if is_whole { held.first } else { visible.row.max(held.first) };
            self.rows = Some(into.rows(partition, first, held.end)?);
        }
        let rows = self.rows.as_mut().expect("just opened");
        if visible.row < held.first {
            return Ok(());
        }
        match rows.next_row()? {
            Some((at, expected)) if at == visible.row && into.is_same(&expected, &found) => {
                *same += 1;
            }
            Some((at, expected)) => {
                let kind = RowDifferenceKind::Differs;
                into.add(partition, kind, Some(&expected), Some(&found), Some(at));
            }
            None => {
                let kind = RowDifferenceKind::Unexpected;
                into.add(partition, kind, None, Some(&found), Some(visible.row));
            }
        }
        Ok(())
    }

    /// What the sink's position counts and the queue does not have.
    fn report_missing(self, into: &mut Comparison<'a>) -> Result<()> {
        let (partition, first) = (self.partition, self.held(into).first);
        let mut rows = match self.rows {
            Some(rows) => rows,
            // None is there: everything that the position counts is missing.
            None => into.rows(partition, first, self.position)?,
        };
        rows.until = self.position;
        while let Some((offset, expected)) = rows.next_row()? {
            let kind = RowDifferenceKind::Missing;
            into.add(partition, kind, Some(&expected), None, Some(offset));
        }
        Ok(())
    }

    /// Whether the broker has deleted nothing of the queue yet.
    fn is_whole(&self) -> Result<bool> {
        let spans = self.cluster.spans(&self.cluster.topic(self.topic)?)?;
        Ok(spans[self.partition.0 as usize].first == Offset(0))
    }
}
