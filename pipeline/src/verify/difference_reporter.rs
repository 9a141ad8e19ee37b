//! Adds differences to the report, as text.

use compact_str::CompactString;
use seismic_queue::{Offset, Partition};

use super::compared_output::ComparedOutput;
use super::matcher::Mismatch;
use super::report::{Difference, DifferenceKind, Report};
use crate::engine::row_reader::RowKey;

/// Writes one partition's differences into the report.
pub(super) struct DifferenceReporter<'a> {
    partition: Partition,
    pub report: &'a mut Report,
    reported: usize,
}

impl<'a> DifferenceReporter<'a> {
    pub fn new(partition: Partition, report: &'a mut Report) -> Self {
        DifferenceReporter { partition, report, reported: 0 }
    }

    fn report(
        &mut self,
        kind: DifferenceKind,
        key: String,
        expected: Option<String>,
        found: Option<String>,
        offset: Option<Offset>,
    ) {
        self.report.total += 1;
        if self.reported < Report::SHOWN {
            self.reported += 1;
            let partition = self.partition;
            self.report.differences.push(Difference {
                partition,
                kind,
                key,
                expected,
                found,
                offset,
            });
        }
    }

    pub fn count(&mut self, what: &str, expected: String, found: String) {
        self.report(DifferenceKind::Count, what.to_owned(), Some(expected), Some(found), None);
    }

    pub fn checkpoint(&mut self, number: u64, expected: String, found: String) {
        let (kind, key) = (DifferenceKind::CheckpointDiffers, format!("checkpoint {number}"));
        self.report(kind, key, Some(expected), Some(found), None);
    }

    pub fn idle(&mut self, at: Offset, below: Offset, timeout_ms: i64, silent_ms: i64) {
        let key = format!("idle close at offset {at} of what lies below {below}");
        let expected = format!("at least {timeout_ms} ms of silence");
        let found = format!("{silent_ms} ms between the messages around it");
        self.report(DifferenceKind::IdleDishonest, key, Some(expected), Some(found), Some(at));
    }

    pub fn unreadable(&mut self, kind: DifferenceKind, offset: Offset, value: &[u8]) {
        let found = format!("{} bytes that are no row and no dead letter", value.len());
        self.report(kind, "unreadable".to_owned(), None, Some(found), Some(offset));
    }

    /// The partition has rows of the key.
    pub fn key(&mut self, key: &CompactString) {
        self.report.found_keys.push((key.clone(), self.partition));
    }

    /// A row of a key and number that a row of the partition `first` has, too.
    pub fn spread(
        &mut self,
        of: &ComparedOutput,
        key: &RowKey,
        (offset, value): (Offset, &[u8]),
        first: Partition,
    ) {
        let name = of.reader.name(of.place, &of.topic, key);
        let expected = Some(format!("one row, which partition {first} has"));
        let found = Some(of.reader.show(of.place, value));
        self.report(DifferenceKind::RowSpread, name, expected, found, Some(offset));
    }

    /// A row that does not match; with `is_doubled` its key was found before.
    pub fn row(&mut self, of: &ComparedOutput, mismatch: Mismatch<RowKey>, is_doubled: bool) {
        let ComparedOutput { reader, place, topic } = of;
        let name = |key: &RowKey| reader.name(*place, topic, key);
        let kind =
            |of_row, of_letter| if reader.is_dead_letters(*place) { of_letter } else { of_row };
        match mismatch {
            Mismatch::Differs(key, expected, found) => {
                let (expected, shown) = reader.show_difference(*place, &expected, &found.value);
                let kind = kind(DifferenceKind::RowDiffers, DifferenceKind::DeadLetterDiffers);
                self.report(kind, name(&key), Some(expected), Some(shown), Some(found.offset));
            }
            Mismatch::Missing(key, expected) => {
                let expected = reader.show(*place, &expected);
                let kind = kind(DifferenceKind::RowMissing, DifferenceKind::DeadLetterMissing);
                self.report(kind, name(&key), Some(expected), None, None);
            }
            Mismatch::Surplus(key, found) => {
                let shown = reader.show(*place, &found.value);
                let kind = match is_doubled {
                    true => kind(DifferenceKind::RowDoubled, DifferenceKind::DeadLetterDoubled),
                    false => {
                        kind(DifferenceKind::RowUnexpected, DifferenceKind::DeadLetterUnexpected)
                    }
                };
                self.report(kind, name(&key), None, Some(shown), Some(found.offset));
            }
        }
    }

    /// Rows of a topic that are not those of the fold, as a whole.
    pub fn rows(&mut self, at: String, expected: String, found: String) {
        self.report(DifferenceKind::RowDiffers, at, Some(expected), Some(found), None);
    }

    /// A row of a keyed output, or one that is missing there.
    pub fn keyed(&mut self, kind: DifferenceKind, key: String, found: Option<&str>) {
        self.report(kind, key, None, found.map(str::to_owned), None);
    }
}
