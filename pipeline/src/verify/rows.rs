//! One comparison of rows: of the result topic, or of a roll-up's.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use seismic_proto::{ClosedBy, Message, SeismicAggRecord};
use seismic_queue::{Block, Offset};

use super::comparison::Comparison;
use super::difference_reporter::DifferenceReporter;
use super::keys::{RowKey, input_offset};
use super::matcher::Found;
use super::report::DifferenceKind;
use super::topic_reader::TopicReader;
use crate::Result;

/// The rows of one topic, as the fold gives them and as they were found.
pub(super) struct RowComparison {
    /// The topic, where differences name it; `None` for the result topic.
    name: Option<String>,
    comparison: Comparison<RowKey>,
    /// Records counted in the rows found.
    pub found_records: u64,
    /// Newest row found of each sensor: rows of a sensor only rise, so one that does not stands
    /// twice. This does not rely on the engine.
    newest: HashMap<CompactString, (i64, i32)>,
    repeated: HashSet<RowKey>,
}

impl RowComparison {
    /// A comparison that has seen nothing.
    pub fn new(name: Option<String>, comparison: Comparison<RowKey>) -> Self {
        let (newest, repeated) = (HashMap::new(), HashSet::new());
        RowComparison { name, comparison, found_records: 0, newest, repeated }
    }

    /// Takes what the fold gives.
    pub fn expect(&mut self, rows: &Block) {
        for (_, value) in rows.messages() {
            let row = SeismicAggRecord::decode(value).expect("the engine wrote it");
            let at = input_offset(row.closing_offset);
            let key = (row.sensor_id.into(), row.window_start_ts, row.pane);
            self.comparison.expect(key, at, value.to_vec());
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
        let Ok(row) = SeismicAggRecord::decode(value) else {
            return reporter.unreadable(DifferenceKind::RowUnexpected, offset, value);
        };
        let is_early = row.closed_by() != ClosedBy::Time;
        let (at, records) = (input_offset(row.closing_offset), row.record_count);
        let place = (row.window_start_ts, row.pane);
        let key = (CompactString::from(row.sensor_id), place.0, place.1);
        match self.newest.get_mut(&key.0) {
            Some(newest) if *newest >= place => {
                self.repeated.insert(key.clone());
            }
            Some(newest) => *newest = place,
            None => {
                self.newest.insert(key.0.clone(), place);
            }
        }
        let passed = self.comparison.passed;
        self.comparison.find(key, at, is_early, Found { offset, value: value.to_vec() });
        if self.comparison.passed == passed {
            self.found_records += records.max(0) as u64;
        }
    }

    fn settle(&mut self, reporter: &mut DifferenceReporter<'_>) {
        let name = self.name.as_deref();
        self.comparison.settle(&mut |mismatch| reporter.row(name, mismatch, &self.repeated));
    }

    /// Compares the rest, and gives the number of rows that are on both sides.
    pub fn finish(self, reporter: &mut DifferenceReporter<'_>) -> u64 {
        let name = self.name.as_deref();
        if name.is_none() {
            self.newest.keys().for_each(|sensor| reporter.sensor(sensor));
        }
        self.comparison.finish(&mut |mismatch| reporter.row(name, mismatch, &self.repeated))
    }
}
