//! A batch that is too large to decompress as a whole: its records are decompressed one after the
//! other, with memory for one of them.
//!
//! A megabyte of Zstandard may be gigabytes of zeros; in a legitimate batch of that kind each
//! message still fits.

#![deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // It parses foreign bytes.

use std::io::{self, Read};

use super::compression;
use super::record_batch::{Record, RecordBatch};
use crate::limits;

/// A batch under way.
pub(super) struct Unpacking {
    batch: RecordBatch<'static>,
    records: Box<dyn Read + Send>,
    /// Records that are still to come.
    left: i32,
    /// Memory of one record.
    record: Vec<u8>,
}

impl Unpacking {
    /// Begins with a batch; `None` for a compression that can only be undone as a whole.
    pub(super) fn new(batch: &RecordBatch<'_>) -> Option<Unpacking> {
        let records = compression::reader(batch.compression(), batch.packed)?;
        let (batch, left) = (batch.head(), batch.count());
        Some(Unpacking { batch, records, left, record: Vec::new() })
    }

    /// Gives the next records from offset `from` on, as many as a batch of ours holds: how many
    /// bytes those were. `None` when they are not what the batch says, or one is too long.
    pub(super) fn step(&mut self, from: u64, each: &mut impl FnMut(Record<'_>)) -> Option<usize> {
        let mut given = 0_usize;
        // What is passed over takes its time too.
        let mut unpacked = 0_usize;
        while self.left > 0 && unpacked < seismic_queue::limits::BATCH_BYTES {
            self.fill()?;
            let record = self.batch.record_of(&self.record)?;
            unpacked = unpacked.saturating_add(self.record.len());
            if record.offset >= from {
                given = given.saturating_add(record.key.len()).saturating_add(record.value.len());
                each(record);
            }
            self.left = self.left.saturating_sub(1);
        }
        if self.left == 0 && self.records.read(&mut [0]).ok()? > 0 {
            return None;
        }
        Some(given)
    }

    /// Whether everything was given.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Unpacks one record. Memory grows with what comes, and not with what a length claims.
    fn fill(&mut self) -> Option<()> {
        let length = usize::try_from(varint(&mut self.records).ok()??).ok()?;
        let length = Some(length).filter(|length| *length <= limits::UNPACKED_BYTES)?;
        self.record.clear();
        let limit = u64::try_from(length).ok()?;
        let read = (&mut self.records).take(limit).read_to_end(&mut self.record).ok()?;
        (read == length).then_some(())
    }
}

/// A zigzag number in groups of seven bits; `None` when it is too long for one.
fn varint(from: &mut impl Read) -> io::Result<Option<i64>> {
    let mut bits = 0_u64;
    for shift in (0..64_u32).step_by(7) {
        let mut byte = [0];
        from.read_exact(&mut byte)?;
        let [byte] = byte;
        bits |= u64::from(byte & 0x7f).wrapping_shl(shift);
        if byte < 0x80 {
            return Ok(Some((bits >> 1) as i64 ^ (bits & 1).wrapping_neg() as i64));
        }
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests may")]
mod tests {
    use proptest::prelude::*;

    use super::super::compression::tests::packed;
    use super::super::record_batch::tests::Written;
    use super::super::record_batch::{Next, next};
    use super::*;

    /// The offsets and values of a batch that is unpacked in steps; whether it came to its end.
    fn read(bytes: &[u8], from: u64) -> (Vec<(u64, Vec<u8>)>, bool) {
        let Next::Batch(batch, _) = next(bytes) else { panic!("it is a batch") };
        let Some(mut unpacking) = Unpacking::new(&batch) else { return (vec![], false) };
        let mut all = Vec::new();
        while !unpacking.is_over() {
            let mut each = |record: Record<'_>| all.push((record.offset, record.value.to_vec()));
            if unpacking.step(from, &mut each).is_none() {
                return (all, false);
            }
        }
        (all, true)
    }

    #[test]
    fn records_come_as_from_a_batch_that_is_unpacked_as_a_whole() {
        let values: Vec<String> = (0..300).map(|i| format!("{i}").repeat(100)).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        let written = Written::of(7, &values);
        let mut kinds = 0;
        for (kind, packed) in packed(&written.plain()) {
            let bytes = Written { attributes: kind, ..written.clone() }.with(&packed);
            let (all, is_whole) = read(&bytes, 100);
            if kind == 2 {
                assert!(all.is_empty(), "Snappy has blocks that are undone as a whole");
                continue;
            }
            kinds += 1;
            assert!(is_whole, "{kind}");
            assert_eq!(all.len(), 207, "{kind}");
            assert_eq!(all[0], (100, values[93].as_bytes().to_vec()), "{kind}");
        }
        assert_eq!(kinds, 3);
    }

    #[test]
    fn a_batch_that_is_cut_or_longer_than_it_says_is_noticed() {
        let written = Written::of(7, &["a", "bb", "ccc"]);
        let mut plain = written.plain();
        plain.push(0);
        let of = |plain: &[u8]| {
            let (kind, packed) = packed(plain).pop().unwrap();
            Written { attributes: kind, ..written.clone() }.with(&packed)
        };
        assert!(!read(&of(&plain), 0).1);
        assert!(!read(&of(&plain[..plain.len() - 3]), 0).1);
    }

    proptest! {
        #[test]
        fn any_bytes_come_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let written = Written::of(7, &["a", "bb", "ccc"]);
            for (kind, packed) in packed(&bytes) {
                read(&Written { attributes: kind, ..written.clone() }.with(&packed), 0);
            }
            for kind in 0..8 {
                read(&Written { attributes: kind, ..written.clone() }.with(&bytes), 0);
            }
        }
    }
}
