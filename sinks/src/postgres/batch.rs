//! Rows that wait for their transaction, encoded as COPY takes them.

use seismic_proto::ValueRef;
use seismic_queue::{Offset, Partition};

use super::columns::{Source, TableColumn};
use super::wire::{self, Wire};
use crate::{Error, Result, Rows};

/// Encoded rows, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    /// Which row each tuple is.
    places: Vec<(Partition, Offset)>,
}

/// How much of a batch there was at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    bytes: usize,
    rows: usize,
}

impl Batch {
    /// Length in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub(super) fn len(&self) -> Length {
        Length { bytes: self.bytes.len(), rows: self.places.len() }
    }

    /// Which row the tuple of that number is, from 1.
    pub(super) fn place(&self, number: usize) -> Option<(Partition, Offset)> {
        self.places.get(number.checked_sub(1)?).copied()
    }

    /// Adds rows; none of them when one cannot be held.
    pub(super) fn add(
        &mut self,
        place: &str,
        rows: &Rows<'_>,
        columns: &[TableColumn],
        wires: &[Wire],
    ) -> Result<()> {
        let before = self.len();
        for at in rows.iter() {
            self.places.push((rows.partition(), at.offset));
            let count = i16::try_from(columns.len()).unwrap_or(i16::MAX);
            self.bytes.extend_from_slice(&count.to_be_bytes());
            for (column, wire) in columns.iter().zip(wires) {
                let (of_schema, value) = match &column.source {
                    Source::Field(field) => {
                        (rows.schema().columns().get(*field), at.row.get(*field))
                    }
                    Source::Constant(text) => (None, ValueRef::Text(text)),
                    Source::Partition => (None, ValueRef::Int32(rows.partition().0.cast_signed())),
                    Source::Offset => (None, ValueRef::Int64(at.offset.0.cast_signed())),
                };
                if let Err(why) = wire.put(of_schema, value, &mut self.bytes) {
                    self.truncate(before);
                    return Err(Error::RowRefused {
                        place: place.to_owned(),
                        partition: rows.partition(),
                        offset: at.offset,
                        what: format!("its column {} has {why}", column.name),
                    });
                }
            }
        }
        Ok(())
    }

    /// The bytes of a whole COPY, in order.
    pub(super) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let tuples = self.bytes.chunks(CHUNK);
        std::iter::once(wire::HEADER).chain(tuples).chain(std::iter::once(wire::TRAILER))
    }

    /// Forgets what is after that length.
    fn truncate(&mut self, length: Length) {
        self.bytes.truncate(length.bytes);
        self.places.truncate(length.rows);
    }

    /// Forgets what is before that length: it is in the table.
    pub(super) fn remove(&mut self, length: Length) {
        self.bytes.drain(..length.bytes);
        self.places.drain(..length.rows);
    }
}

/// What is handed to the connection at once, in bytes: more only waits there.
const CHUNK: usize = 64 << 10;
