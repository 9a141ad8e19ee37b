//! Rows waiting for their transaction, encoded as their database takes them.

use seismic_queue::{Offset, Partition};

use crate::rows::RowAt;
use crate::{Error, Result, Rows, limits};

/// Encoded rows, in the order in which they came, and those that were refused.
#[derive(Debug, Default)]
pub(super) struct Batch {
    bytes: Vec<u8>,
    tuples: Vec<Tuple>,
    refused: Vec<DeadLetter>,
}

/// A row of the batch.
#[derive(Debug)]
struct Tuple {
    partition: Partition,
    offset: Offset,
    /// Length of its encoding, in bytes.
    bytes: usize,
    /// Its message; empty where refused rows are not kept.
    message: Vec<u8>,
}

/// A row that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DeadLetter {
    pub(super) partition: Partition,
    pub(super) offset: Offset,
    pub(super) reason: String,
    /// Its message, as the result topic has it.
    pub(super) message: Vec<u8>,
}

/// How much of a batch there was at some moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Length {
    bytes: usize,
    rows: usize,
    refused: usize,
}

impl Batch {
    /// Length in bytes, with those of rows that were refused.
    pub(super) fn length_bytes(&self) -> usize {
        let refused: usize = self.refused.iter().map(|letter| letter.message.len()).sum();
        self.bytes.len() + refused
    }

    /// The encoded rows, one after the other.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Each encoded row.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.bytes;
        self.tuples.iter().map(move |tuple| {
            let (row, others) = rest.split_at(tuple.bytes);
            rest = others;
            row
        })
    }

    /// Whether there is no row to write.
    pub(super) fn is_empty(&self) -> bool {
        self.tuples.is_empty()
    }

    /// Rows to write.
    pub(super) fn count(&self) -> usize {
        self.tuples.len()
    }

    /// Adds what is in another one, which is empty then.
    pub(super) fn append(&mut self, other: &mut Batch) {
        if self.tuples.is_empty() && self.refused.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        self.bytes.append(&mut other.bytes);
        self.tuples.append(&mut other.tuples);
        self.refused.append(&mut other.refused);
    }

    pub(super) fn len(&self) -> Length {
        let (rows, refused) = (self.tuples.len(), self.refused.len());
        Length { bytes: self.bytes.len(), rows, refused }
    }

    /// Which row the tuple of that number is, from 1.
    pub(super) fn place(&self, number: usize) -> Option<(Partition, Offset)> {
        let tuple = self.tuples.get(number.checked_sub(1)?)?;
        Some((tuple.partition, tuple.offset))
    }

    /// Rows that were refused.
    pub(super) fn refused(&self) -> &[DeadLetter] {
        &self.refused
    }

    /// Adds rows. One that cannot be held is refused and kept; where those are not kept, or are too
    /// many, none of the rows is added. `encode` appends a row, or says why it cannot.
    pub(super) fn add(
        &mut self,
        place: &str,
        rows: &Rows<'_>,
        keeps_refused: bool,
        encode: impl Fn(RowAt<'_>, &mut Vec<u8>) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let before = self.len();
        for at in rows.iter() {
            let begin = self.bytes.len();
            let (partition, offset) = (rows.partition(), at.offset);
            let message = if keeps_refused { at.bytes.to_vec() } else { Vec::new() };
            match encode(at, &mut self.bytes) {
                Ok(()) => {
                    let bytes = self.bytes.len() - begin;
                    self.tuples.push(Tuple { partition, offset, bytes, message });
                }
                Err(what) if keeps_refused && self.refused.len() < limits::REFUSED_ROWS => {
                    self.bytes.truncate(begin);
                    self.refused.push(DeadLetter { partition, offset, reason: what, message });
                }
                Err(what) => {
                    self.bytes.truncate(before.bytes);
                    self.tuples.truncate(before.rows);
                    self.refused.truncate(before.refused);
                    return Err(Error::RowRefused {
                        place: place.to_owned(),
                        partition,
                        offset,
                        what,
                    });
                }
            }
        }
        Ok(())
    }

    /// Keeps apart the row of that place, which the server refused.
    pub(super) fn refuse(&mut self, partition: Partition, offset: Offset, reason: String) {
        let is_it = |tuple: &Tuple| (tuple.partition, tuple.offset) == (partition, offset);
        let Some(number) = self.tuples.iter().position(is_it) else { return };
        let begin: usize = self.tuples[..number].iter().map(|tuple| tuple.bytes).sum();
        let tuple = self.tuples.remove(number);
        self.bytes.drain(begin..begin + tuple.bytes);
        self.refused.push(DeadLetter { partition, offset, reason, message: tuple.message });
    }

    /// Forgets what is before that length: it is in the database.
    pub(super) fn remove(&mut self, length: Length) {
        self.bytes.drain(..length.bytes);
        self.tuples.drain(..length.rows);
        self.refused.drain(..length.refused);
    }
}
