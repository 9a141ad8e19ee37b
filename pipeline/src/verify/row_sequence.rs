//! The rows of one partition of an output, compared in order, for a kind whose rows have no key.

use std::hash::{DefaultHasher, Hash, Hasher};

use seismic_queue::Block;

use super::difference_reporter::DifferenceReporter;
use super::topic_reader::TopicReader;
use crate::Result;

/// Digests of the rows that the fold gives, and of those found.
pub(super) struct RowSequence {
    /// Topic and partition.
    at: String,
    expected: Vec<u64>,
    found: Vec<u64>,
    /// Whether the fold gives everything that was ever written.
    is_begun: bool,
    /// Whether the topic still has all of it.
    is_kept: bool,
}

impl RowSequence {
    pub fn new(at: String, is_begun: bool, is_kept: bool) -> Self {
        RowSequence { at, expected: Vec::new(), found: Vec::new(), is_begun, is_kept }
    }

    /// Takes what the fold gives.
    pub fn expect(&mut self, rows: &Block) {
        self.expected.extend(rows.messages().map(|(_, value)| digest(value)));
    }

    /// Reads the topic to its end.
    pub fn drain(&mut self, topic: &mut TopicReader) -> Result<()> {
        while topic.read(|_, value| self.found.push(digest(value)))? {}
        Ok(())
    }

    /// Compares both, and gives the number of rows expected.
    ///
    /// What was written before the fold begins is not proved, and retention may have deleted the
    /// oldest rows. Only one of the two explains that a side begins later.
    pub fn finish(self, reporter: &mut DifferenceReporter<'_>) -> u64 {
        let RowSequence { at, expected, found, is_begun, is_kept } = self;
        let is_same = match (is_begun, is_kept) {
            (true, true) => expected == found,
            (false, true) => found.ends_with(&expected),
            (true, false) => expected.ends_with(&found),
            (false, false) => expected.ends_with(&found) || found.ends_with(&expected),
        };
        if !is_same {
            let expected = format!("{} rows in their order", expected.len());
            reporter.rows(at, expected, format!("{} rows, which are not these", found.len()));
        }
        expected.len() as u64
    }
}

/// A digest of a row, so that a proof of many rows fits in memory.
pub(super) fn digest(value: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
