//! The two comparisons of a partition, rows and dead letters, and what is counted on the way.

use std::collections::{HashMap, HashSet};

use compact_str::CompactString;
use seismic_proto::{Message, SeismicAggRecord, SeismicDeadLetter};
use seismic_queue::Offset;

use super::difference::DifferenceKind;
use super::matcher::{Found, Matcher};
use super::teller::Teller;
use super::topic::Topic;
use crate::Out;

/// What a row is known by within its partition: sensor and window start.
pub(super) type RowKey = (CompactString, i64);
/// What a dead letter is known by within its partition: offset and index.
pub(super) type LetterKey = (i64, i32);

/// Both comparisons.
#[derive(Default)]
pub(super) struct Sides {
    rows: Matcher<RowKey>,
    letters: Matcher<LetterKey>,
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

impl Sides {
    /// Moves the fold's output into the comparisons.
    pub fn expect(&mut self, out: &mut Out, rows: &mut Topic, letters: &mut Topic) {
        for (_, value) in out.rows.messages() {
            let row = SeismicAggRecord::decode(value).expect("the engine wrote it");
            if rows.expects_next() {
                self.rows.expect((row.sensor_id.into(), row.window_start_ts), value.to_vec());
            }
        }
        for (_, value) in out.dead.messages() {
            let letter = SeismicDeadLetter::decode(value).expect("the engine wrote it");
            if letters.expects_next() {
                self.letters.expect((letter.input_offset, letter.index), value.to_vec());
            }
        }
        out.clear();
    }

    /// Takes a message of the result topic.
    pub fn row_found(&mut self, offset: Offset, value: &[u8], teller: &mut Teller<'_>) {
        let Ok(row) = SeismicAggRecord::decode(value) else {
            return teller.unreadable(DifferenceKind::RowUnexpected, offset, value);
        };
        self.found_records += row.record_count.max(0) as u64;
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
        self.rows.find(key, Found { offset, value: value.to_vec() });
    }

    /// Takes a message of the dead-letter topic.
    pub fn letter_found(&mut self, offset: Offset, value: &[u8], teller: &mut Teller<'_>) {
        let Ok(letter) = SeismicDeadLetter::decode(value) else {
            return teller.unreadable(DifferenceKind::DeadLetterUnexpected, offset, value);
        };
        self.found_letters += 1;
        let key = (letter.input_offset, letter.index);
        if self.newest_letter >= Some(key) {
            self.repeated_letters.insert(key);
        } else {
            self.newest_letter = Some(key);
        }
        self.letters.find(key, Found { offset, value: value.to_vec() });
    }

    /// Compares what both sides have.
    pub fn settle(&mut self, teller: &mut Teller<'_>) {
        self.rows.settle(&mut |mismatch| teller.row(mismatch, &self.repeated_rows));
        self.letters.settle(&mut |mismatch| teller.letter(mismatch, &self.repeated_letters));
    }

    /// Compares the rest; how many rows and dead letters were there on both sides.
    pub fn finish(self, teller: &mut Teller<'_>) -> (u64, u64) {
        let rows = self.rows.finish(&mut |mismatch| teller.row(mismatch, &self.repeated_rows));
        let repeated = &self.repeated_letters;
        let letters = self.letters.finish(&mut |mismatch| teller.letter(mismatch, repeated));
        (rows, letters)
    }
}
