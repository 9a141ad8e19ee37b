//! One comparison of rows: of the result topic, or of a roll-up's.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use seismic_proto::{ClosedBy, Message, SeismicAggRecord};
use seismic_queue::{Block, Offset};

use super::comparison::Side;
use super::difference_reporter::Teller;
use super::keys::{RowKey, input_offset};
use super::matcher::Found;
use super::report::DifferenceKind;
use super::topic_reader::Topic;
use crate::Result;

/// The rows of one topic, as the fold gives them and as they were found.
pub(super) struct Table {
    /// The topic, where differences name it; `None` for the result topic.
    name: Option<String>,
    side: Side<RowKey>,
    /// Records counted in the rows found.
    pub found_records: u64,
    /// Newest row found of each sensor: rows of a sensor only rise, so one that does not stands
    /// twice. This does not rely on the engine.
    newest: HashMap<CompactString, (i64, i32)>,
    repeated: HashSet<RowKey>,
}

impl Table {
    /// A comparison that has seen nothing.
    pub fn new(name: Option<String>, side: Side<RowKey>) -> Self {
        let (newest, repeated) = (HashMap::new(), HashSet::new());
        Table { name, side, found_records: 0, newest, repeated }
    }

    /// Takes what the fold gives.
    pub fn expect(&mut self, rows: &Block) {
        for (_, value) in rows.messages() {
            let row = SeismicAggRecord::decode(value).expect("the engine wrote it");
            let at = input_offset(row.closing_offset);
            let key = (row.sensor_id.into(), row.window_start_ts, row.pane);
            self.side.expect(key, at, value.to_vec());
        }
    }

    /// Reads the topic as far as the fold has come, and compares.
    pub fn feed(&mut self, topic: &mut Topic, teller: &mut Teller<'_>) -> Result<()> {
        while self.side.wants_more() && topic.read(|at, value| self.found(at, value, teller))? {}
        self.settle(teller);
        Ok(())
    }

    /// Reads the topic to its end, and compares.
    pub fn drain(&mut self, topic: &mut Topic, teller: &mut Teller<'_>) -> Result<()> {
        while topic.read(|at, value| self.found(at, value, teller))? {
            self.settle(teller);
        }
        self.side.close();
        Ok(())
    }

    /// Whether the topic still has everything that the fold gives.
    pub fn is_whole(&self) -> bool {
        self.side.gone == 0
    }

    /// Rows that are there from before the fold.
    pub fn passed(&self) -> u64 {
        self.side.passed
    }

    fn found(&mut self, offset: Offset, value: &[u8], teller: &mut Teller<'_>) {
        let Ok(row) = SeismicAggRecord::decode(value) else {
            return teller.unreadable(DifferenceKind::RowUnexpected, offset, value);
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
        let passed = self.side.passed;
        self.side.find(key, at, is_early, Found { offset, value: value.to_vec() });
        if self.side.passed == passed {
            self.found_records += records.max(0) as u64;
        }
    }

    fn settle(&mut self, teller: &mut Teller<'_>) {
        let name = self.name.as_deref();
        self.side.settle(&mut |mismatch| teller.row(name, mismatch, &self.repeated));
    }

    /// Compares the rest, and gives the number of rows that are on both sides.
    pub fn finish(self, teller: &mut Teller<'_>) -> u64 {
        let name = self.name.as_deref();
        self.side.finish(&mut |mismatch| teller.row(name, mismatch, &self.repeated))
    }
}
