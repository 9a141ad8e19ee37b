//! The two comparisons of a partition, rows and dead letters, and what is counted on the way.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use seismic_proto::{ClosedBy, Message, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::Offset;

use super::difference::DifferenceKind;
use super::matcher::Found;
use super::side::Side;
use super::teller::Teller;
use super::topic::Topic;
use crate::{Out, Result};

/// What a row is known by within its partition: sensor and window start.
pub(super) type RowKey = (CompactString, i64);
/// What a dead letter is known by within its partition: offset and index.
pub(super) type LetterKey = (i64, i32);

/// Both comparisons.
pub(super) struct Sides {
    rows: Side<RowKey>,
    letters: Side<LetterKey>,
    /// Records counted in the rows found.
    pub found_records: u64,
    /// Dead letters found.
    pub found_letters: u64,
    /// Newest window found of each sensor: windows of a sensor only rise, so one that does not
    /// stands twice. This does not rely on the engine.
    newest_window: HashMap<CompactString, i64>,
    newest_letter: Option<LetterKey>,
    repeated_rows: HashSet<RowKey>,
    repeated_letters: HashSet<LetterKey>,
}

/// What two comparisons found.
pub(super) struct Compared {
    /// Rows that are on both sides.
    pub rows: u64,
    /// Dead letters that are on both sides.
    pub letters: u64,
}

impl Sides {
    /// Comparisons of rows and of dead letters.
    pub fn new(rows: Side<RowKey>, letters: Side<LetterKey>) -> Self {
        Sides {
            rows,
            letters,
            found_records: 0,
            found_letters: 0,
            newest_window: HashMap::new(),
            newest_letter: None,
            repeated_rows: HashSet::new(),
            repeated_letters: HashSet::new(),
        }
    }

    /// Moves the fold's output into the comparisons.
    pub fn expect(&mut self, out: &mut Out) {
        for (_, value) in out.rows.messages() {
            let row = SeismicAggRecord::decode(value).expect("the engine wrote it");
            let at = input_offset(row.closing_offset);
            self.rows.expect((row.sensor_id.into(), row.window_start_ts), at, value.to_vec());
        }
        for (_, value) in out.dead.messages() {
            let letter = SeismicDeadLetter::decode(value).expect("the engine wrote it");
            let at = input_offset(letter.input_offset);
            self.letters.expect((letter.input_offset, letter.index), at, value.to_vec());
        }
        out.clear();
    }

    /// Reads the topics as far as the fold has come, and compares.
    pub fn feed(
        &mut self,
        rows: &mut Topic,
        letters: &mut Topic,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        while self.rows.wants_more() && rows.read(|at, value| self.row_found(at, value, teller))? {}
        while self.letters.wants_more()
            && letters.read(|at, value| self.letter_found(at, value, teller))?
        {}
        self.settle(teller);
        Ok(())
    }

    /// Reads the topics to their ends.
    pub fn drain(
        &mut self,
        rows: &mut Topic,
        letters: &mut Topic,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        while rows.read(|at, value| self.row_found(at, value, teller))? {
            self.settle(teller);
        }
        while letters.read(|at, value| self.letter_found(at, value, teller))? {
            self.settle(teller);
        }
        self.rows.close();
        self.letters.close();
        Ok(())
    }

    /// Whether the topics still have everything that the fold gives.
    pub fn is_whole(&self) -> bool {
        self.rows.gone == 0 && self.letters.gone == 0
    }

    /// Rows and dead letters that are there from before the fold.
    pub fn passed(&self) -> (u64, u64) {
        (self.rows.passed, self.letters.passed)
    }

    /// Takes a message of the result topic.
    fn row_found(&mut self, offset: Offset, value: &[u8], teller: &mut Teller<'_>) {
        let Ok(row) = SeismicAggRecord::decode(value) else {
            return teller.unreadable(DifferenceKind::RowUnexpected, offset, value);
        };
        let is_early = row.closed_by() != ClosedBy::Time;
        let (at, records) = (input_offset(row.closing_offset), row.record_count);
        let key = (CompactString::from(row.sensor_id), row.window_start_ts);
        match self.newest_window.get_mut(&key.0) {
            Some(newest) if *newest >= key.1 => {
                self.repeated_rows.insert(key.clone());
            }
            Some(newest) => *newest = key.1,
            None => {
                self.newest_window.insert(key.0.clone(), key.1);
            }
        }
        let passed = self.rows.passed;
        self.rows.find(key, at, is_early, Found { offset, value: value.to_vec() });
        if self.rows.passed == passed {
            self.found_records += records.max(0) as u64;
        }
    }

    /// Takes a message of the dead-letter topic.
    fn letter_found(&mut self, offset: Offset, value: &[u8], teller: &mut Teller<'_>) {
        let Ok(letter) = SeismicDeadLetter::decode(value) else {
            return teller.unreadable(DifferenceKind::DeadLetterUnexpected, offset, value);
        };
        let at = input_offset(letter.input_offset);
        let key = (letter.input_offset, letter.index);
        if self.newest_letter >= Some(key) {
            self.repeated_letters.insert(key);
        } else {
            self.newest_letter = Some(key);
        }
        let passed = self.letters.passed;
        self.letters.find(key, at, false, Found { offset, value: value.to_vec() });
        self.found_letters += u64::from(self.letters.passed == passed);
    }

    /// Compares what both sides have.
    fn settle(&mut self, teller: &mut Teller<'_>) {
        self.rows.settle(&mut |mismatch| teller.row(mismatch, &self.repeated_rows));
        self.letters.settle(&mut |mismatch| teller.letter(mismatch, &self.repeated_letters));
    }

    /// Compares the rest.
    pub fn finish(self, teller: &mut Teller<'_>) -> Compared {
        let rows = self.rows.finish(&mut |mismatch| teller.row(mismatch, &self.repeated_rows));
        let repeated = &self.repeated_letters;
        let letters = self.letters.finish(&mut |mismatch| teller.letter(mismatch, repeated));
        Compared { rows, letters }
    }
}

/// An input offset as rows and dead letters say it.
fn input_offset(said: i64) -> Offset {
    Offset(said.max(0) as u64)
}
