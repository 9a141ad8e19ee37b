//! Compares the messages of the topic with the result topic up to the position of the sink.
//!
//! Each message says in a header which row it is. The rows of one partition of the result topic are
//! in order in each partition that they were spread over, so these are merged by offset.

use seismic_kafka::outlet::{Outlet, Written, WrittenMessages};
use seismic_proto::{Row, Schema};
use seismic_queue::{Offset, Partition, Topic};

use super::batch::MessageFormat;
use super::target::Target;
use super::{failure, position};
use crate::compare::object::StoredObject;
use crate::compare::sides::StoredRow;
use crate::compare::{Comparison, RowDifferenceKind};
use crate::position::stored::{Position, next_of};
use crate::{Context, Error, Result, SinkSpec, limits};

/// Compares; the number of rows that are the same.
///
/// Rows that the retention of either topic deleted are not looked at. Every other one up to the sink's
/// position must be there once, with every value, and each sensor's in order.
pub(super) fn compare(
    spec: &SinkSpec,
    context: &Context,
    into: &mut Comparison<'_>,
) -> Result<u64> {
    let target = Target::of(spec)?;
    let format = MessageFormat::of(&target, &context.schema)?;
    let outlet = target.outlet()?;
    let nothing = |what: String| Error::NothingToCompare { sink: target.name.clone(), what };
    let read = || position::read(&target.name, &outlet, limits::SILENT_PATIENCE);
    let Some((stored, _)) = read()? else {
        return Err(nothing("no sink has ever written there".to_owned()));
    };
    stored.check_owner(&target.name, context)?;
    let failed = |error| failure::of(&target.name, "looking for topics", error);
    let topic = outlet.topic().map_err(failed)?;
    let topic = topic.ok_or_else(|| nothing(format!("there is no topic {}", target.topic)))?;
    let sink = SinkTopic { target: &target, format: &format, outlet: &outlet, topic };
    let mut same = 0;
    let partitions: Vec<Partition> = into.topic.all().collect();
    for (partition, position) in partitions.into_iter().zip(&stored.positions) {
        same += sink.compare((partition, position), context, into)?;
    }
    if into.total > 0 {
        let now = read()?.map(|(stored, _)| next_of(&stored.positions));
        if now != Some(next_of(&stored.positions)) {
            let what = "its sink wrote meanwhile: compare again, or stop it first";
            return Err(nothing(what.to_owned()));
        }
    }
    Ok(same)
}

/// The topic that the sink wrote.
struct SinkTopic<'a> {
    target: &'a Target,
    format: &'a MessageFormat,
    outlet: &'a Outlet,
    topic: Topic,
}

impl SinkTopic<'_> {
    /// Compares the rows of one partition of the result topic.
    fn compare(
        &self,
        (partition, position): (Partition, &Position),
        context: &Context,
        into: &mut Comparison<'_>,
    ) -> Result<u64> {
        let held = into.held[partition.0 as usize];
        let mut merged = self.merged(partition, position.next)?;
        let begin = merged.begin.max(held.first);
        let mut rows = into.rows(partition, begin, position.next)?;
        let (schema, mut same) = (&*context.schema, 0);
        let mut expected = rows.next_row()?;
        while let Some((at, message)) = merged.next()? {
            while let Some((offset, row)) = expected.take_if(|(offset, _)| *offset < at) {
                into.add(partition, RowDifferenceKind::Missing, Some(&row), None, Some(offset));
                expected = rows.next_row()?;
            }
            // What retention of the result topic deleted, or of this one elsewhere.
            if at < begin {
                continue;
            }
            match expected.take_if(|(offset, _)| *offset == at) {
                Some((_, row)) => {
                    let found = self.row(schema, &message.value, row.clone());
                    match found {
                        Some(found) if into.is_same(&row, &found) => same += 1,
                        found => {
                            let kind = RowDifferenceKind::Differs;
                            into.add(partition, kind, Some(&row), found.as_ref(), Some(at));
                        }
                    }
                    expected = rows.next_row()?;
                }
                None => {
                    let row = self.row(schema, &message.value, Row::new(schema));
                    let kind = RowDifferenceKind::Unexpected;
                    into.add(partition, kind, None, row.as_ref(), Some(at));
                }
            }
        }
        while let Some((offset, row)) = expected {
            into.add(partition, RowDifferenceKind::Missing, Some(&row), None, Some(offset));
            expected = rows.next_row()?;
        }
        Ok(same)
    }

    /// The row that a message is; `None` where its bytes are none.
    fn row(&self, schema: &Schema, bytes: &[u8], expected: Row) -> Option<Row> {
        match self.format {
            MessageFormat::Protobuf => {
                let mut row = Row::new(schema);
                row.decode(schema, bytes).ok()?;
                Some(row)
            }
            MessageFormat::Json(format) => {
                let object = serde_json::from_slice(bytes).ok()?;
                let stored = StoredObject { schema, columns: &format.columns, object: &object };
                stored.has_constants().then(|| stored.row(expected))
            }
        }
    }

    /// The messages that are rows of a partition of the result topic, in order.
    fn merged(&self, row: Partition, until: Offset) -> Result<Merged<'_>> {
        let all = self.target.partitioner.all_of(row, self.topic.partitions);
        let failed = |error| failure::of(&self.target.name, "reading rows", error);
        let firsts = self.outlet.firsts(&self.topic).map_err(failed)?;
        let (mut heads, mut begin) = (Vec::new(), Offset(0));
        for partition in all {
            let messages = self.outlet.written(&self.topic, partition).map_err(failed)?;
            let mut head = Head { sink: self, row, partition, messages, next: None };
            head.advance()?;
            // Where its retention has taken the first messages, rows before what is left may be gone.
            if firsts[partition.0 as usize] > Offset(0) {
                begin = begin.max(head.next.as_ref().map_or(until, |(offset, _)| *offset));
            }
            heads.push(head);
        }
        Ok(Merged { heads, begin })
    }
}

/// One partition of the sink's topic.
struct Head<'a> {
    sink: &'a SinkTopic<'a>,
    /// The partition of the result topic whose rows are wanted.
    row: Partition,
    partition: Partition,
    messages: WrittenMessages,
    next: Option<(Offset, Written)>,
}

impl Head<'_> {
    /// Goes on to the next message that is wanted; the one before.
    fn advance(&mut self) -> Result<Option<(Offset, Written)>> {
        let place = &self.sink.target.name;
        let failed = |error| failure::of(place, "reading rows", error);
        let next = loop {
            let Some(message) = self.messages.take().map_err(failed)? else { break None };
            match message.row {
                Some((partition, offset)) if partition == self.row => {
                    break Some((offset, message));
                }
                Some(_) => {}
                None => {
                    let what = format!(
                        "message {} of {}/{} is someone else's",
                        message.at, self.sink.topic.name, self.partition
                    );
                    return Err(Error::NothingToCompare { sink: place.clone(), what });
                }
            }
        };
        Ok(std::mem::replace(&mut self.next, next))
    }
}

/// Several partitions, merged by the rows' offsets.
struct Merged<'a> {
    heads: Vec<Head<'a>>,
    /// From where on all rows are there, as far as retention of the sink's topic says.
    begin: Offset,
}

impl Merged<'_> {
    fn next(&mut self) -> Result<Option<(Offset, Written)>> {
        let offset = |head: &&mut Head<'_>| head.next.as_ref().map(|(offset, _)| *offset);
        let with_next = self.heads.iter_mut().filter(|head| head.next.is_some());
        match with_next.min_by_key(offset) {
            Some(head) => head.advance(),
            None => Ok(None),
        }
    }
}
