//! The comparisons of a partition, rows of every length and dead letters, and what is counted on
//! the way.

use std::collections::HashSet;

use seismic_proto::{Message, SeismicDeadLetter};
use seismic_queue::{Block, Offset};

use super::comparison::Side;
use super::difference_reporter::Teller;
use super::keys::{LetterKey, input_offset};
use super::matcher::Found;
use super::report::DifferenceKind;
use super::rows::Table;
use super::topic_reader::Topic;
use crate::Result;
use crate::engine::output::Out;

/// All comparisons.
pub(super) struct Sides {
    /// The result topic's.
    pub rows: Table,
    /// Those of the roll-ups.
    pub rollups: Vec<Table>,
    letters: Side<LetterKey>,
    /// Dead letters found.
    pub found_letters: u64,
    newest_letter: Option<LetterKey>,
    repeated_letters: HashSet<LetterKey>,
}

/// The topics that are compared, in the order of [`Sides`].
pub(super) struct Topics {
    pub rows: Topic,
    pub rollups: Vec<Topic>,
    pub letters: Topic,
}

/// What the comparisons found.
pub(super) struct Compared {
    /// Rows that are on both sides.
    pub rows: u64,
    /// The same of each roll-up.
    pub rollups: Vec<u64>,
    /// Dead letters that are on both sides.
    pub letters: u64,
}

impl Sides {
    /// Comparisons of rows and of dead letters.
    pub fn new(rows: Table, rollups: Vec<Table>, letters: Side<LetterKey>) -> Self {
        Sides {
            rows,
            rollups,
            letters,
            found_letters: 0,
            newest_letter: None,
            repeated_letters: HashSet::new(),
        }
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut Table> {
        std::iter::once(&mut self.rows).chain(&mut self.rollups)
    }

    /// Moves the fold's output into the comparisons.
    pub fn expect(&mut self, out: &mut Out) {
        let Out { rows, rollups, dead, .. } = &*out;
        self.tables().zip(std::iter::once(rows).chain(rollups)).for_each(
            |(table, rows): (&mut Table, &Block)| {
                table.expect(rows);
            },
        );
        for (_, value) in dead.messages() {
            let letter = SeismicDeadLetter::decode(value).expect("the engine wrote it");
            let at = input_offset(letter.input_offset);
            self.letters.expect((letter.input_offset, letter.index), at, value.to_vec());
        }
        out.clear();
    }

    /// Reads the topics as far as the fold has come, and compares.
    pub fn feed(&mut self, topics: &mut Topics, teller: &mut Teller<'_>) -> Result<()> {
        for (table, topic) in self.tables().zip(topics.rows()) {
            table.feed(topic, teller)?;
        }
        let letters = &mut topics.letters;
        while self.letters.wants_more()
            && letters.read(|at, value| self.letter_found(at, value, teller))?
        {}
        self.settle_letters(teller);
        Ok(())
    }

    /// Reads the topics to their ends.
    pub fn drain(&mut self, topics: &mut Topics, teller: &mut Teller<'_>) -> Result<()> {
        for (table, topic) in self.tables().zip(topics.rows()) {
            table.drain(topic, teller)?;
        }
        while topics.letters.read(|at, value| self.letter_found(at, value, teller))? {
            self.settle_letters(teller);
        }
        self.letters.close();
        Ok(())
    }

    /// Whether the result topic and the dead letters still have everything that the fold gives.
    pub fn is_whole(&self) -> bool {
        self.rows.is_whole() && self.letters.gone == 0
    }

    /// Dead letters that are there from before the fold.
    pub fn passed_letters(&self) -> u64 {
        self.letters.passed
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

    fn settle_letters(&mut self, teller: &mut Teller<'_>) {
        self.letters.settle(&mut |mismatch| teller.letter(mismatch, &self.repeated_letters));
    }

    /// Compares the rest.
    pub fn finish(self, teller: &mut Teller<'_>) -> Compared {
        let rows = self.rows.finish(teller);
        let rollups = self.rollups.into_iter().map(|table| table.finish(teller)).collect();
        let repeated = &self.repeated_letters;
        let letters = self.letters.finish(&mut |mismatch| teller.letter(mismatch, repeated));
        Compared { rows, rollups, letters }
    }
}

impl Topics {
    fn rows(&mut self) -> impl Iterator<Item = &mut Topic> {
        std::iter::once(&mut self.rows).chain(&mut self.rollups)
    }
}
