//! The comparisons of a partition, rows of every length and dead letters, and what is counted on
//! the way.

use std::collections::HashSet;

use seismic_proto::{Message, SeismicDeadLetter};
use seismic_queue::{Block, Offset};

use super::comparison::Comparison;
use super::difference_reporter::DifferenceReporter;
use super::keys::{DeadLetterKey, input_offset};
use super::matcher::Found;
use super::report::DifferenceKind;
use super::rows::RowComparison;
use super::topic_reader::TopicReader;
use crate::Result;
use crate::engine::windows::output::Output;

/// All comparisons.
pub(super) struct Comparisons {
    /// The result topic's.
    pub rows: RowComparison,
    /// Those of the roll-ups.
    pub rollups: Vec<RowComparison>,
    dead_letters: Comparison<DeadLetterKey>,
    /// Dead letters found.
    pub found_dead_letters: u64,
    newest_dead_letter: Option<DeadLetterKey>,
    repeated_dead_letters: HashSet<DeadLetterKey>,
}

/// The topics that are compared, in the order of [`Comparisons`].
pub(super) struct Topics {
    pub rows: TopicReader,
    pub rollups: Vec<TopicReader>,
    pub dead_letters: TopicReader,
}

/// What the comparisons found.
pub(super) struct MatchedCounts {
    /// Rows that are on both sides.
    pub rows: u64,
    /// The same of each roll-up.
    pub rollups: Vec<u64>,
    /// Dead letters that are on both sides.
    pub dead_letters: u64,
}

impl Comparisons {
    /// Comparisons of rows and of dead letters.
    pub fn new(
        rows: RowComparison,
        rollups: Vec<RowComparison>,
        dead_letters: Comparison<DeadLetterKey>,
    ) -> Self {
        Comparisons {
            rows,
            rollups,
            dead_letters,
            found_dead_letters: 0,
            newest_dead_letter: None,
            repeated_dead_letters: HashSet::new(),
        }
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut RowComparison> {
        std::iter::once(&mut self.rows).chain(&mut self.rollups)
    }

    /// Moves the fold's output into the comparisons.
    pub fn expect(&mut self, out: &mut Output) {
        let Output { rows, rollups, dead, .. } = &*out;
        self.tables().zip(std::iter::once(rows).chain(rollups)).for_each(
            |(table, rows): (&mut RowComparison, &Block)| {
                table.expect(rows);
            },
        );
        for (_, value) in dead.messages() {
            let letter = SeismicDeadLetter::decode(value).expect("the engine wrote it");
            let at = input_offset(letter.input_offset);
            self.dead_letters.expect((letter.input_offset, letter.index), at, value.to_vec());
        }
        out.clear();
    }

    /// Reads the topics as far as the fold has come, and compares.
    pub fn feed(
        &mut self,
        topics: &mut Topics,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        for (table, topic) in self.tables().zip(topics.rows()) {
            table.feed(topic, reporter)?;
        }
        let dead_letters = &mut topics.dead_letters;
        while self.dead_letters.wants_more()
            && dead_letters.read(|at, value| self.dead_letter_found(at, value, reporter))?
        {}
        self.settle_dead_letters(reporter);
        Ok(())
    }

    /// Reads the topics to their ends.
    pub fn drain(
        &mut self,
        topics: &mut Topics,
        reporter: &mut DifferenceReporter<'_>,
    ) -> Result<()> {
        for (table, topic) in self.tables().zip(topics.rows()) {
            table.drain(topic, reporter)?;
        }
        while topics.dead_letters.read(|at, value| self.dead_letter_found(at, value, reporter))? {
            self.settle_dead_letters(reporter);
        }
        self.dead_letters.close();
        Ok(())
    }

    /// Whether the result topic and the dead letters still have everything that the fold gives.
    pub fn is_whole(&self) -> bool {
        self.rows.is_whole() && self.dead_letters.gone == 0
    }

    /// Dead letters that are there from before the fold.
    pub fn passed_dead_letters(&self) -> u64 {
        self.dead_letters.passed
    }

    /// Takes a message of the dead-letter topic.
    fn dead_letter_found(
        &mut self,
        offset: Offset,
        value: &[u8],
        reporter: &mut DifferenceReporter<'_>,
    ) {
        let Ok(letter) = SeismicDeadLetter::decode(value) else {
            return reporter.unreadable(DifferenceKind::DeadLetterUnexpected, offset, value);
        };
        let at = input_offset(letter.input_offset);
        let key = (letter.input_offset, letter.index);
        if self.newest_dead_letter >= Some(key) {
            self.repeated_dead_letters.insert(key);
        } else {
            self.newest_dead_letter = Some(key);
        }
        let passed = self.dead_letters.passed;
        self.dead_letters.find(key, at, false, Found { offset, value: value.to_vec() });
        self.found_dead_letters += u64::from(self.dead_letters.passed == passed);
    }

    fn settle_dead_letters(&mut self, reporter: &mut DifferenceReporter<'_>) {
        self.dead_letters
            .settle(&mut |mismatch| reporter.letter(mismatch, &self.repeated_dead_letters));
    }

    /// Compares the rest.
    pub fn finish(self, reporter: &mut DifferenceReporter<'_>) -> MatchedCounts {
        let rows = self.rows.finish(reporter);
        let rollups = self.rollups.into_iter().map(|table| table.finish(reporter)).collect();
        let repeated = &self.repeated_dead_letters;
        let dead_letters =
            self.dead_letters.finish(&mut |mismatch| reporter.letter(mismatch, repeated));
        MatchedCounts { rows, rollups, dead_letters }
    }
}

impl Topics {
    fn rows(&mut self) -> impl Iterator<Item = &mut TopicReader> {
        std::iter::once(&mut self.rows).chain(&mut self.rollups)
    }
}
