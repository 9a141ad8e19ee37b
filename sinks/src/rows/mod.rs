//! The rows of a batch, decoded once for each sink, with their original bytes.

pub(crate) mod columns;
pub(crate) mod filter;
mod json;
#[cfg(any(feature = "kafka", feature = "opensearch"))]
pub(crate) mod object;
mod skipped;
pub(crate) mod source;
#[cfg(any(feature = "hbase", feature = "redis"))]
pub(crate) mod template;
pub(crate) mod text;

use seismic_proto::{Row, Schema};
use seismic_queue::{Batch, Message, Offset, Partition};

use crate::{Error, Result};
use filter::Filter;

pub use skipped::SkippedRows;

/// Rows of one partition, in offset order, borrowed from the batch that they were read in.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    schema: &'a Schema,
    batch: &'a Batch,
    /// The decoded messages of the batch, all of them.
    decoded: &'a [Row],
    /// Which of them the sink is given; the others are passed over.
    given: &'a [bool],
    /// The first that is part of these rows, and the one after the last.
    range: (usize, usize),
}

/// One row, where it is from, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct RowAt<'a> {
    /// Offset in the result topic.
    pub offset: Offset,
    /// Key of the message.
    pub key: &'a [u8],
    /// The message's bytes, for sinks that pass them on.
    pub bytes: &'a [u8],
    /// The typed row.
    pub row: &'a Row,
}

impl<'a> Rows<'a> {
    /// The columns of every row.
    #[must_use]
    pub fn schema(&self) -> &'a Schema {
        self.schema
    }

    /// Partition of the result topic.
    #[must_use]
    pub fn partition(&self) -> Partition {
        self.batch.partition()
    }

    /// Offset after the last row: the position once these are written.
    #[must_use]
    pub fn next(&self) -> Offset {
        match self.range.1 {
            // A batch may end with offsets that hold nothing.
            end if end == self.decoded.len() => self.batch.next(),
            end => self.batch.message(end).offset,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.given[self.range.0..self.range.1].iter().filter(|given| **given).count()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows, in offset order.
    pub fn iter(&self) -> impl Iterator<Item = RowAt<'a>> + use<'a> {
        let Rows { batch, decoded, given, range, .. } = *self;
        (range.0..range.1).filter(|&i| given[i]).map(move |i| {
            let Message { offset, key, value, .. } = batch.message(i);
            RowAt { offset, key, bytes: value, row: &decoded[i] }
        })
    }

    /// The messages of the rows, for sinks that pass their bytes on.
    pub fn messages(&self) -> impl Iterator<Item = Message<'a>> + use<'a> {
        let Rows { batch, given, range, .. } = *self;
        (range.0..range.1).filter(|&i| given[i]).map(move |i| batch.message(i))
    }
}

/// Decodes batches of one topic. Its memory is used again for every batch.
#[derive(Debug)]
pub struct RowDecoder {
    schema: Schema,
    /// Whether messages are JSON objects, and not bytes of Protobuf.
    is_json: bool,
    /// Name of the topic, for messages.
    topic: String,
    rows: Vec<Row>,
    /// Which of the last batch's are given to the sink.
    given: Vec<bool>,
    /// How many of `rows` are of the last batch.
    count: usize,
    choice: Choice,
}

/// Which rows a sink is given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// Those that meet it.
    pub(crate) filter: Option<Filter>,
    /// Without these.
    pub(crate) skipped: SkippedRows,
}

impl Choice {
    /// Whether the row of that place is one of them.
    pub(crate) fn has(&self, partition: Partition, offset: Offset, row: &Row) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(row))
            && (self.skipped.is_empty() || !self.skipped.has(partition, offset))
    }

    /// Whether every row is one of them.
    pub(crate) fn is_everything(&self) -> bool {
        self.filter.is_none() && self.skipped.is_empty()
    }
}

impl RowDecoder {
    /// A decoder for rows of this schema, of the topic of that name.
    #[must_use]
    pub fn new(topic: &str, schema: &Schema) -> Self {
        RowDecoder {
            schema: schema.clone(),
            is_json: false,
            topic: topic.to_owned(),
            rows: Vec::new(),
            given: Vec::new(),
            count: 0,
            choice: Choice::default(),
        }
    }

    /// The same for messages that are JSON objects with a key for each column.
    #[must_use]
    pub fn of_json(self) -> Self {
        RowDecoder { is_json: true, ..self }
    }

    /// One that gives those rows alone that meet a condition, written as the option `where` of a
    /// sink.
    ///
    /// # Errors
    /// [`Error::Condition`] when the rows have no such column, or a value is none of its column's.
    pub fn filtered(mut self, condition: &str) -> Result<Self> {
        self.choice.filter = Filter::of(condition, &self.schema)?;
        Ok(self)
    }

    /// Which rows it gives to the sink.
    pub(crate) fn choice(&mut self) -> &mut Choice {
        &mut self.choice
    }

    /// The same for rows of another schema.
    pub(crate) fn with_schema(self, schema: &Schema) -> Self {
        let RowDecoder { is_json, choice, .. } = self;
        RowDecoder { is_json, choice, ..RowDecoder::new(&self.topic, schema) }
    }

    /// Decodes every message of a batch.
    ///
    /// # Errors
    /// [`Error::Row`], naming the first message that is not a row. An empty message is none where
    /// the first column may not be empty: no window has no sensor.
    pub fn decode<'a>(&'a mut self, batch: &'a Batch) -> Result<Rows<'a>> {
        self.decode_unless(batch, Err)
    }

    /// As [`RowDecoder::decode`], but the caller may skip a message that is not a row: `refused` is
    /// called for each, and an error that it returns ends the decoding.
    ///
    /// # Errors
    /// Those of `refused`.
    pub fn decode_unless<'a>(
        &'a mut self,
        batch: &'a Batch,
        mut refused: impl FnMut(Error) -> Result<()>,
    ) -> Result<Rows<'a>> {
        self.count = 0;
        self.given.clear();
        while self.rows.len() < batch.len() {
            self.rows.push(Row::new(&self.schema));
        }
        let partition = batch.partition();
        for (message, row) in batch.messages().zip(&mut self.rows) {
            if self.choice.skipped.has(partition, message.offset) {
                // It may be what cannot be read at all.
                self.given.push(false);
                continue;
            }
            let refuse = |what, source| {
                let (topic, partition) = (self.topic.clone(), batch.partition());
                Error::Row { topic, partition, offset: message.offset, what, source }
            };
            let decoded = match self.is_json {
                true => json::decode(row, &self.schema, message.value),
                false => Ok(row.decode(&self.schema, message.value)),
            };
            let what = match decoded {
                Err(what) => Some(refuse(what, None)),
                Ok(Err(error)) => {
                    Some(refuse("its bytes do not fit the topic's columns", Some(error)))
                }
                Ok(Ok(())) => match row {
                    Row::Window(window) if window.sensor_id.is_empty() => {
                        Some(refuse("it names no sensor", None))
                    }
                    _ => None,
                },
            };
            if let Some(what) = what {
                refused(what)?;
                self.given.push(false);
                continue;
            }
            self.given.push(self.choice.filter.as_ref().is_none_or(|it| it.matches(row)));
        }
        self.count = batch.len();
        Ok(self.rows_of(batch, 0, batch.len()))
    }

    /// Rows `from..until` of the batch that was decoded last.
    ///
    /// # Panics
    /// When it was another batch.
    pub(crate) fn rows_of<'a>(&'a self, batch: &'a Batch, from: usize, until: usize) -> Rows<'a> {
        assert_eq!(batch.len(), self.count, "the batch that was decoded");
        let decoded = &self.rows[..self.count];
        Rows { schema: &self.schema, batch, decoded, given: &self.given, range: (from, until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{batch, row};
    use seismic_queue::Kind;

    fn decoder() -> RowDecoder {
        RowDecoder::new("results", Schema::windows())
    }

    #[test]
    fn a_message_that_is_no_row_is_named() {
        for value in [&b""[..], b"\xff\xff", b"\x0a\xff"] {
            let mut rows = batch(Partition(3), Offset(6), &[row(3, 6)]);
            rows.push(Message { offset: Offset(7), append_ms: 0, key: b"k", value });
            let error = decoder().decode(&rows).unwrap_err();
            assert!(error.to_string().contains("message 7 of results/3"), "{error}");
            assert_eq!(error.kind(), Kind::Data);
        }
    }

    #[test]
    fn a_message_that_is_no_row_may_be_passed_over() {
        let mut rows = batch(Partition(3), Offset(6), &[row(3, 6)]);
        rows.push(Message { offset: Offset(7), append_ms: 0, key: b"k", value: b"\xff\xff" });
        let last = batch(Partition(3), Offset(8), &[row(3, 8)]);
        rows.push_part(&last, 0..1);
        let (mut decoder, mut refused) = (decoder(), Vec::new());
        let given = decoder.decode_unless(&rows, |error| {
            refused.push(error.to_string());
            Ok(())
        });
        let offsets: Vec<_> = given.unwrap().iter().map(|row| row.offset.0).collect();
        assert_eq!(offsets, [6, 8]);
        assert!(refused.len() == 1 && refused[0].contains("message 7 of results/3"), "{refused:?}");
    }

    #[test]
    fn rows_carry_offset_key_bytes_and_values_and_end_where_the_next_begins() {
        let rows = [row(1, 4), row(1, 5), row(1, 6)];
        let batch = batch(Partition(1), Offset(4), &rows);
        let mut decoder = decoder();
        assert_eq!(decoder.decode(&batch).unwrap().next(), Offset(7));
        let part = decoder.rows_of(&batch, 0, 2);
        assert_eq!((part.len(), part.next(), part.partition()), (2, Offset(6), Partition(1)));
        for (at, (i, row)) in part.iter().zip(rows.iter().enumerate()) {
            assert_eq!(at.offset, Offset(4 + i as u64));
            assert_eq!(at.key, row.sensor_id.as_bytes());
            assert_eq!(*at.row, Row::Window(row.clone()));
        }
        let offsets: Vec<_> = part.messages().map(|message| message.offset.0).collect();
        assert_eq!(offsets, [4, 5]);
    }

    #[test]
    fn a_shorter_batch_after_a_longer_one_has_its_own_rows_alone() {
        let mut decoder = decoder();
        decoder.decode(&batch(Partition(0), Offset(0), &[row(0, 0), row(0, 1)])).unwrap();
        let short = batch(Partition(0), Offset(2), &[row(0, 2)]);
        let rows = decoder.decode(&short).unwrap();
        let read: Vec<_> = rows.iter().map(|at| at.row.clone()).collect();
        assert_eq!(read, [Row::Window(row(0, 2))]);
    }
}
