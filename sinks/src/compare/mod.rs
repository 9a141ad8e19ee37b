//! Compares the content of a sink with the result topic, row by row. Each sink provides its own
//! rows; reading the topic and the list of differences are here.

pub(crate) mod merged_topic;
#[cfg(any(feature = "kafka", feature = "opensearch"))]
pub(crate) mod object;
#[cfg(any(
    feature = "kafka",
    feature = "mysql",
    feature = "odbc",
    feature = "opensearch",
    feature = "parquet",
    feature = "postgres"
))]
pub(crate) mod sides;

use std::time::Duration;

use seismic_proto::{Row, Schema};
use seismic_queue::{
    Batch, Event, JobStore, Offset, OutputSpec, Partition, Reader, Span, Topic, View,
};

use crate::rows::Choice;
use crate::rows::filter::Filter;
use crate::{Error, Result, SkippedRows, limits};

/// One comparison of a sink's rows with those of the store's result topic.
pub struct Comparison<'a> {
    store: &'a dyn JobStore,
    schema: &'a Schema,
    /// The store as one commit left it.
    pub view: View,
    /// The topic that the sink shows.
    pub topic: Topic,
    /// What is there of each of its partitions.
    pub(crate) held: Vec<Span>,
    /// What rewinds took out of each.
    cuts: Vec<Vec<Span>>,
    /// The first differences, at most [`limits::DIFFERENCES_SHOWN`].
    pub differences: Vec<RowDifference>,
    /// How many there are.
    pub total: u64,
    /// The rows that the sink is given.
    choice: Choice,
}

/// A row that is not as it should be.
#[derive(Clone, Debug)]
pub struct RowDifference {
    /// Partition of the result topic.
    pub partition: Partition,
    /// What is wrong with it.
    pub kind: RowDifferenceKind,
    /// Which row it is, as text.
    pub row: String,
    /// The topic's row.
    pub expected: Option<String>,
    /// The sink's row.
    pub found: Option<String>,
    /// Offset of the topic's row, where it is known.
    pub offset: Option<Offset>,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowDifferenceKind {
    /// The sink does not have it, though its position is beyond it.
    Missing,
    /// The topic does not have it.
    Unexpected,
    /// The sink has another row in its place.
    Differs,
}

impl<'a> Comparison<'a> {
    /// A comparison with the topic of that name in `store`, whose rows have the columns of
    /// `schema`.
    ///
    /// # Errors
    /// As [`JobStore::view`].
    pub fn new(store: &'a dyn JobStore, topic: &str, schema: &'a Schema) -> Result<Self> {
        let view = store.view()?;
        let is_it = |output: &OutputSpec| output.topic == topic;
        let output = view.job.outputs.iter().position(is_it).unwrap_or(0);
        let held = view.spans_of(output);
        let cuts = view.output(output).into_iter().map(|of| of.cuts.clone()).collect();
        let topic = store.topics().topic(topic)?;
        let differences = Vec::new();
        let choice = Choice::default();
        Ok(Comparison { store, schema, view, topic, held, cuts, differences, total: 0, choice })
    }

    /// With the rows alone that the sink of that condition and name is given.
    ///
    /// # Errors
    /// When its condition does not fit the rows, or the store cannot be read.
    pub fn given_to(self, condition: &str, name: &str) -> Result<Self> {
        let filter = Filter::of(condition, self.schema)?;
        let skipped = SkippedRows::of(self.store, name)?;
        Ok(Comparison { choice: Choice { filter, skipped }, ..self })
    }

    /// How many rows of a partition a sink is given from `first` up to `until`.
    pub(crate) fn count(&self, partition: Partition, first: Offset, until: Offset) -> Result<u64> {
        if !self.choice.is_everything() {
            let (mut rows, mut count) = (self.rows(partition, first, until)?, 0);
            while rows.next_row()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        let within = |cut: &Span| cut.end.min(until).0.saturating_sub(cut.first.max(first).0);
        let offsets = until.0.saturating_sub(first.0);
        Ok(offsets.saturating_sub(self.cuts[partition.0 as usize].iter().map(within).sum()))
    }

    /// The topic's rows of a partition, from `first` up to `until`.
    pub(crate) fn rows(
        &self,
        partition: Partition,
        first: Offset,
        until: Offset,
    ) -> Result<TopicRows<'a>> {
        let reader = self.store.topics().reader(&self.topic, &[(partition, first)])?;
        Ok(TopicRows {
            partition,
            topic: self.topic.name.clone(),
            schema: self.schema,
            reader,
            batch: Batch::default(),
            at: 0,
            spare: Vec::new(),
            next: first,
            until,
            choice: self.choice.clone(),
        })
    }

    /// Whether two rows are the same, bit by bit.
    pub(crate) fn is_same(&self, expected: &Row, found: &Row) -> bool {
        let bytes = |row: &Row| {
            let mut bytes = Vec::new();
            row.encode(self.schema, &mut bytes);
            bytes
        };
        bytes(expected) == bytes(found)
    }

    /// Adds a difference.
    pub(crate) fn add(
        &mut self,
        partition: Partition,
        kind: RowDifferenceKind,
        expected: Option<&Row>,
        found: Option<&Row>,
        offset: Option<Offset>,
    ) {
        self.total += 1;
        if self.differences.len() < limits::DIFFERENCES_SHOWN {
            let row = expected.or(found).map_or_else(String::new, |row| self.name(row));
            let expected = expected.map(|row| self.words(row));
            let found = found.map(|row| self.words(row));
            self.differences.push(RowDifference { partition, kind, row, expected, found, offset });
        }
    }

    fn name(&self, row: &Row) -> String {
        match row {
            Row::Window(row) => {
                format!("row of sensor {:?} window {}", row.sensor_id, row.window_start_ts)
            }
            Row::Values(_) => format!("row {}", self.words(row)),
        }
    }

    fn words(&self, row: &Row) -> String {
        let columns = self.schema.columns().iter().zip(row.values());
        let words: Vec<_> = columns.map(|(column, value)| column.show_named(value)).collect();
        words.join(" ")
    }
}

/// One partition of the result topic, row by row, up to the sink's position.
pub(crate) struct TopicRows<'a> {
    pub(crate) partition: Partition,
    /// Name of the topic, for messages.
    topic: String,
    schema: &'a Schema,
    reader: Box<dyn Reader>,
    batch: Batch,
    /// Message of the batch that comes next.
    at: usize,
    spare: Vec<Batch>,
    /// Offset that comes next.
    pub(crate) next: Offset,
    /// Where the rows to compare end.
    pub(crate) until: Offset,
    choice: Choice,
}

impl TopicRows<'_> {
    /// The next row that the sink is given, with its offset; `None` at the end.
    pub(crate) fn next_row(&mut self) -> Result<Option<(Offset, Row)>> {
        loop {
            match self.next_of_topic()? {
                Some((offset, row)) if !self.choice.has(self.partition, offset, &row) => {}
                next => return Ok(next),
            }
        }
    }

    fn next_of_topic(&mut self) -> Result<Option<(Offset, Row)>> {
        if self.next >= self.until {
            return Ok(None);
        }
        let mut silent = Duration::ZERO;
        while self.at >= self.batch.len() {
            match self
                .reader
                .read(Duration::from_secs(1), &mut self.spare)
                .map_err(Error::of_rows)?
            {
                Event::Batch(batch) => {
                    self.spare.push(std::mem::replace(&mut self.batch, batch));
                    self.at = 0;
                }
                // The log ends before the sink's position. It is not asked again for each row.
                Event::CaughtUp(..) => {
                    self.next = self.until;
                    return Ok(None);
                }
                _ if silent < limits::COMPARE_PATIENCE => silent += Duration::from_secs(1),
                _ => {
                    let (sink, topic) = ("the result topic".to_owned(), &self.topic);
                    let seconds = limits::COMPARE_PATIENCE.as_secs();
                    let what = format!("nothing of {topic} came within {seconds} s");
                    return Err(Error::NothingToCompare { sink, what });
                }
            }
        }
        let message = self.batch.message(self.at);
        if message.offset >= self.until {
            self.next = self.until;
            return Ok(None);
        }
        self.at += 1;
        self.next = message.offset.next();
        let mut row = Row::new(self.schema);
        row.decode(self.schema, message.value).map_err(|source| Error::Row {
            topic: self.topic.clone(),
            partition: self.partition,
            offset: message.offset,
            what: "its bytes do not fit the topic's columns",
            source: Some(source),
        })?;
        Ok(Some((message.offset, row)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A log that has ended; counts how often it is asked.
    struct Ended(Arc<AtomicUsize>);

    impl Reader for Ended {
        fn read(&mut self, _: Duration, _: &mut Vec<Batch>) -> seismic_queue::Result<Event> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(Event::CaughtUp(Partition(0), Offset(0)))
        }
    }

    #[test]
    fn a_topic_that_ends_before_the_position_of_a_sink_is_asked_once_and_not_for_each_row() {
        let asked = Arc::new(AtomicUsize::new(0));

        let mut rows = TopicRows {
            partition: Partition(0),
            topic: "rows".to_owned(),
            schema: Schema::windows(),
            reader: Box::new(Ended(Arc::clone(&asked))),
            batch: Batch::default(),
            at: 0,
            spare: Vec::new(),
            next: Offset(0),
            until: Offset(1_000_000),
            choice: Choice::default(),
        };
        for _ in 0..1_000 {
            assert!(rows.next_row().unwrap().is_none());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }
}
