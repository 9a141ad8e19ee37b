//! A fetch response that is not read to its end: delivers its record batches one by one, checks
//! them, leaves out aborted transactions, and reports the end of the log last.

use std::collections::VecDeque;
use std::ops::Range;

use super::aborted::Aborted;
use super::record_batch::{self, Next, RecordBatch};
use super::unpacking::Unpacking;
use super::{compression, record_batch::Record};
use crate::client::connection::number;
use crate::client::native::Item;
use crate::limits;
use seismic_queue::{Offset, Partition};

/// An answer of which something is still to be given.
pub(super) struct PendingResponse {
    pub(super) broker: i32,
    frame: Vec<u8>,
    parts: VecDeque<PendingPartition>,
}

/// What is still to be given of one partition.
pub(super) struct PendingPartition {
    pub(super) partition: Partition,
    /// Whole batches, in the frame.
    pub(super) whole: Range<usize>,
    /// Messages before this one were not asked for.
    pub(super) from: u64,
    pub(super) aborted: Aborted,
    /// The end of the log, where this leads to it.
    pub(super) end: Option<Offset>,
    /// A batch before those, of which only a part was given.
    unpacking: Option<Unpacking>,
}

impl PendingPartition {
    pub(super) fn new(
        partition: Partition,
        whole: Range<usize>,
        from: u64,
        aborted: Aborted,
        end: Option<Offset>,
    ) -> PendingPartition {
        PendingPartition { partition, whole, from, aborted, end, unpacking: None }
    }
}

/// What became of a step.
pub(super) enum Step {
    /// This many bytes of messages were given.
    Given(usize),
    /// A batch is not what was written: it begins with this offset.
    Spoiled(Partition, u64),
    /// A batch is compressed in a way that no one here can undo.
    Packed,
}

impl PendingResponse {
    pub(super) fn new(
        broker: i32,
        frame: Vec<u8>,
        parts: VecDeque<PendingPartition>,
    ) -> PendingResponse {
        PendingResponse { broker, frame, parts }
    }

    /// Nothing of this partition is of use any more.
    pub(super) fn forget(&mut self, partition: Partition) {
        self.parts.retain(|part| part.partition != partition);
    }

    /// Whether everything was given.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Its memory, for the next answer.
    pub(super) fn memory(self) -> Vec<u8> {
        if self.frame.capacity() > limits::SPARE_BYTES { Vec::new() } else { self.frame }
    }

    /// Gives the next batch, or that a partition has come to its end.
    pub(super) fn step(&mut self, unpacked: &mut Vec<u8>, each: &mut impl FnMut(Item<'_>)) -> Step {
        let Some(part) = self.parts.front_mut() else { return Step::Given(0) };
        // Requested by the topic's id: it does not matter who gave it.
        let (partition, broker) = (number(part.partition), None);
        let mut message = |Record { offset, append_ms, key, value }: Record<'_>| {
            let offset = offset as i64;
            each(Item::Message { partition, offset, append_ms, key, value, broker });
        };
        if let Some(unpacking) = &mut part.unpacking {
            let given = unpacking.step(part.from, &mut message);
            if unpacking.is_over() {
                part.unpacking = None;
            }
            return given.map_or(Step::Packed, Step::Given);
        }
        let bytes = self.frame.get(part.whole.clone()).unwrap_or_default();
        let Next::Batch(batch, length) = record_batch::next(bytes) else {
            // A scan has seen whole batches and nothing else.
            if let Some(Offset(offset)) = part.end {
                each(Item::End { partition, offset: offset as i64, broker });
            }
            self.parts.pop_front();
            return Step::Given(0);
        };
        part.whole.start += length;
        let (at, from) = (part.partition, part.from);
        if !batch.is_whole() {
            return Step::Spoiled(at, batch.base);
        }
        if !part.aborted.counts(&batch) || batch.end <= from {
            return Step::Given(0);
        }
        let records = match batch.compression() {
            0 => batch.packed,
            kind if compression::unpack(kind, batch.packed, unpacked) => &unpacked[..],
            _ => {
                // Too long, or no batch at all.
                *unpacked = Vec::new();
                part.unpacking = Unpacking::new(&batch);
                return if part.unpacking.is_some() { Step::Given(0) } else { Step::Packed };
            }
        };
        let given = deliver(&batch, records, from, message);
        let base = batch.base;
        if unpacked.capacity() > limits::SPARE_BYTES {
            *unpacked = Vec::new();
        }
        given.map_or(Step::Spoiled(at, base), Step::Given)
    }
}

/// Gives the records of a batch from an offset on; how many bytes those were, or `None` when they
/// are not what the batch says.
fn deliver<'a>(
    batch: &RecordBatch<'a>,
    records: &'a [u8],
    from: u64,
    mut each: impl FnMut(Record<'a>),
) -> Option<usize> {
    let mut given = 0;
    batch.each(records, &mut |record| {
        if record.offset >= from {
            given += record.key.len() + record.value.len();
            each(record);
        }
    })?;
    Some(given)
}
