//! Invariants for any bytes that a broker may send.
#![allow(missing_docs)]

use super::aborted::Aborted;
use super::record_batch::{Next, next, scan};
use super::{compression, log_ends, response};
use crate::limits;
use crate::wire::is_fetch_spoken;

/// An answer is none, or its parts lie within it.
pub fn answer(bytes: &[u8]) {
    let _ = (is_fetch_spoken(bytes), log_ends::parse(bytes));
    // It begins with the topic that is asked for, so that any is found.
    let Some((topic, frame)) = bytes.split_first_chunk() else { return };
    for part in response::parse(frame, topic).map_or(Vec::new(), |answer| answer.parts) {
        assert!(part.records.end <= frame.len());
        batches(&frame[part.records]);
    }
}

/// Batches one after the other come to an end, whatever is in them.
pub fn batches(bytes: &[u8]) {
    let scan = scan(bytes, 0..bytes.len());
    let (mut rest, mut aborted) = (&bytes[scan.whole], Aborted::new(Vec::new()));
    let (mut end, mut unpacked) = (0, Vec::new());
    while let Next::Batch(batch, length) = next(rest) {
        assert!(length > 0 && batch.base >= end && batch.end > batch.base);
        end = batch.end;
        rest = &rest[length..];
        // Also of what is not whole: a CRC is easily made.
        let _ = (batch.is_whole(), aborted.counts(&batch));
        let records = match batch.compression() {
            0 => batch.packed,
            kind if compression::unpack(kind, batch.packed, &mut unpacked) => &unpacked[..],
            _ => continue,
        };
        assert!(records.len() <= limits::UNPACKED_BYTES.max(bytes.len()));
        batch.each(records, &mut |record| {
            assert!((batch.base..batch.end).contains(&record.offset));
            assert!(record.key.len() + record.value.len() <= records.len());
        });
    }
    assert!(rest.is_empty(), "a scan sees whole batches");
}
