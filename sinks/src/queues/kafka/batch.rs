//! Encoded messages that wait for their transaction.

use seismic_kafka::outlet::Outgoing;
use seismic_proto::Schema;
use seismic_queue::{Offset, Partition};

use super::target::{Format, Target};
use crate::rows::RowAt;
use crate::rows::object::ObjectFormat;
use crate::{Error, Result, Rows};

/// How rows of one schema become messages.
#[derive(Debug)]
pub(super) enum MessageFormat {
    /// The bytes that they are in the result topic.
    Protobuf,
    Json(ObjectFormat),
}

impl MessageFormat {
    /// How rows of this schema become messages there.
    pub(super) fn of(target: &Target, schema: &Schema) -> Result<MessageFormat> {
        if target.format == Format::Protobuf {
            return Ok(MessageFormat::Protobuf);
        }
        let columns = target.choice.columns(schema, false);
        let refuse = |what| Error::TableDiffers { place: target.name.clone(), what };
        Ok(MessageFormat::Json(ObjectFormat::of(columns.map_err(refuse)?)))
    }
}

/// Encoded messages, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    messages: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    to: Partition,
    row: (Partition, Offset),
    /// Where its key begins, and its value, and where that ends.
    places: (usize, usize, usize),
}

impl Batch {
    /// Adds a row as a message to a partition.
    pub(super) fn add(
        &mut self,
        format: &MessageFormat,
        to: Partition,
        rows: &Rows<'_>,
        at: RowAt<'_>,
    ) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(at.key);
        let value = self.bytes.len();
        match format {
            MessageFormat::Protobuf => self.bytes.extend_from_slice(at.bytes),
            MessageFormat::Json(object) => object.put(rows, at, &mut self.bytes),
        }
        let places = (begin, value, self.bytes.len());
        self.messages.push(Waiting { to, row: (rows.partition(), at.offset), places });
    }

    pub(super) fn messages(&self) -> impl Iterator<Item = Outgoing<'_>> {
        self.messages.iter().map(|&Waiting { to, row, places: (begin, value, end) }| {
            let (key, value) = (&self.bytes[begin..value], &self.bytes[value..end]);
            Outgoing { to, key, value, row }
        })
    }

    pub(super) fn length_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.messages.clear();
    }
}
