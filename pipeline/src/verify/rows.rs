//! One comparison of rows by their keys.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use seismic_queue::{Block, Offset};

use super::compared_output::ComparedOutput;
use super::comparison::Comparison;
use super::difference_reporter::DifferenceReporter;
use super::matcher::{Mismatch, Placed};
use super::report::DifferenceKind;
use super::topic_reader::TopicReader;
use crate::Result;
use crate::engine::row_reader::RowKey;

/// The rows of one partition of an output, as the fold gives them and as they were found.
pub(super) struct RowComparison {
    of: ComparedOutput,
    comparison: Comparison<RowKey>,
    /// Records counted in the rows found.
    pub found_records: u64,
    /// Newest row found of each key, of those that only rise: one that does not stands twice.
    /// This does not rely on the engine.
    newest: HashMap<CompactString, (i64, i32)>,
    repeated: HashSet<RowKey>,
}

impl RowComparison {
    /// A comparison that has seen nothing.
    pub fn new(of: ComparedOutput, comparison: Comparison<RowKey>) -> Self {
        let (newest, repeated) = (HashMap::new(), HashSet::new());
        RowComparison { of, comparison, found_records: 0, newest, repeated }
    }

    /// Takes what the fold gives.
    pub fn expect(&mut self, rows: &Block) {
        for (_, value) in rows.messages() {
            let origin = self.of.reader.origin(self.of.place, value).expect("an operator wrote it");
            self.comparison.expect(origin.key, origin.at, value.to_vec());
        }
    }

    /// Reads the topic as far as the fold has come, and compares.
    pub fn feed(
        &mut self,
        topic: &mut TopicReader,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        while self.comparison.wants_more()
            && topic.read(|at, value| self.found(at, value, reporter))?
        {}
        self.settle(reporter);
        Ok(())
    }

    /// Reads the topic to its end, and compares.
    pub fn drain(
        &mut self,
        topic: &mut TopicReader,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        while topic.read(|at, value| self.found(at, value, reporter))? {
            self.settle(reporter);
        }
        self.comparison.close();
        Ok(())
    }

    /// Whether the topic still has everything that the fold gives.
    pub fn is_whole(&self) -> bool {
        self.comparison.gone == 0
    }

    /// Rows that are there from before the fold.
    pub fn passed(&self) -> u64 {
        self.comparison.passed
    }

    fn found(&mut self, offset: Offset, value: &[u8], reporter: &mut DifferenceReporter<'_>) {
        let ComparedOutput { reader, place, .. } = self.of;
        let Some(origin) = reader.origin(place, value) else {
            let is_letter = reader.is_dead_letters(place);
            let kind = match is_letter {
                true => DifferenceKind::DeadLetterUnexpected,
                false => DifferenceKind::RowUnexpected,
            };
            return reporter.unreadable(kind, offset, value);
        };
        let RowKey { of, number } = &origin.key;
        match self.newest.get_mut(of) {
            _ if !origin.rises => {}
            Some(newest) if *newest >= *number => {
                self.repeated.insert(origin.key.clone());
            }
            Some(newest) => *newest = *number,
            None => {
                self.newest.insert(of.clone(), *number);
            }
        }
        let passed = self.comparison.passed;
        let found = Placed { offset, value: value.to_vec() };
        self.comparison.find(origin.key, origin.at, origin.is_early, found);
        if self.comparison.passed == passed {
            self.found_records += origin.records;
        }
    }

    fn settle(&mut self, reporter: &mut DifferenceReporter<'_>) {
        let (of, repeated) = (&self.of, &self.repeated);
        self.comparison.settle(&mut |mismatch| report(of, mismatch, repeated, reporter));
    }

    /// Compares the rest, and gives the number of rows that are on both sides.
    pub fn finish(self, reporter: &mut DifferenceReporter<'_>) -> u64 {
        let (of, repeated) = (&self.of, &self.repeated);
        if of.place == 0 {
            self.newest.keys().for_each(|key| reporter.key(key));
        }
        self.comparison.finish(&mut |mismatch| report(of, mismatch, repeated, reporter))
    }
}

fn report(
    of: &ComparedOutput,
    mismatch: Mismatch<RowKey>,
    repeated: &HashSet<RowKey>,
    reporter: &mut DifferenceReporter<'_>,
) {
    let is_doubled = matches!(&mismatch, Mismatch::Surplus(key, _) if repeated.contains(key));
    reporter.row(of, mismatch, is_doubled);
}
