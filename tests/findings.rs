//! Findings of the independent computation: counted for a table, and the first few as text.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::truth::Reasons;

/// How many findings are kept as text.
const IN_WORDS: usize = 10;

#[derive(Default)]
pub struct Findings {
    /// Rows and dead letters that should be there and are not, or not with this content.
    pub lost: u64,
    /// Rows and dead letters that are there once too often, or should not be there.
    pub doubled: u64,
    /// Dead letters by reason.
    pub reasons: Reasons,
    words: Vec<String>,
}

impl Findings {
    pub fn add(&mut self, lost: u64, doubled: u64, words: &str) {
        self.lost += lost;
        self.doubled += doubled;
        if lost + doubled > 0 && self.words.len() < IN_WORDS {
            self.words.push(format!("{lost} lost, {doubled} doubled: {words}"));
        }
    }

    pub fn join(&mut self, other: Findings) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.words.extend(other.words);
        for (reason, records) in other.reasons {
            *self.reasons.entry(reason).or_default() += records;
        }
    }

    pub fn must_be_none(&self) {
        let Findings { lost, doubled, words, .. } = self;
        assert_eq!((*lost, *doubled), (0, 0), "lost and doubled:\n{}", words.join("\n"));
    }
}

/// How many of the expected things are not there, and how many are there that are not expected.
pub fn compare<T: Ord + Debug>(expected: &[T], there: &[T]) -> (u64, u64) {
    let mut balance: BTreeMap<&T, i64> = BTreeMap::new();
    expected.iter().for_each(|thing| *balance.entry(thing).or_default() += 1);
    there.iter().for_each(|thing| *balance.entry(thing).or_default() -= 1);
    let sum = |sign: i64| balance.values().map(|count| (count * sign).max(0) as u64).sum();
    (sum(1), sum(-1))
}
