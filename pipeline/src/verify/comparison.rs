//! One comparison: the values of the replay against those of a topic, and where the two start.
//!
//! Offsets of a topic do not say how many values lie before them: a rewind leaves gaps. So the
//! common start is found by the input offset at which each value was emitted. It never decreases
//! from one value to the next.
//!
//! ```text
//!   fold begins late:    topic  b b b c c c      b: before the fold began, passed over
//!                        fold         c c c
//!   retention was there: topic        c c c
//!                        fold   g g g c c c      g: gone from the topic, passed over
//! ```
//!
//! Only the head of a stream is skipped. After the first pair everything counts.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use seismic_queue::Offset;

use super::matcher::{Matcher, Mismatch, Placed};

/// Both streams of one topic.
pub(super) struct Comparison<K> {
    matcher: Matcher<K>,
    /// Where the fold began, while values found may still be from before it.
    before: Option<Offset>,
    /// Keys that the fold gives at that very offset.
    at_beginning: HashSet<K>,
    /// What the fold gave, while the topic may have begun later.
    waiting: Option<VecDeque<(K, Offset, Vec<u8>)>>,
    /// The first value found that is not from before the fold.
    first: Option<(K, Offset)>,
    /// Values found from before the fold.
    pub passed: u64,
    /// Values that the topic no longer has.
    pub gone: u64,
}

impl<K: Clone + Eq + Hash> Comparison<K> {
    /// A comparison with a fold that began at `before` when values came before it, and with a
    /// topic whose first values may be gone when `is_cut`.
    pub fn new(before: Option<Offset>, is_cut: bool) -> Self {
        Comparison {
            matcher: Matcher::default(),
            before,
            at_beginning: HashSet::new(),
            waiting: is_cut.then(VecDeque::new),
            first: None,
            passed: 0,
            gone: 0,
        }
    }

    /// The next value of the fold, which came to be at offset `at`.
    pub fn expect(&mut self, key: K, at: Offset, value: Vec<u8>) {
        if self.before == Some(at) {
            self.at_beginning.insert(key.clone());
        }
        match &mut self.waiting {
            Some(waiting) => waiting.push_back((key, at, value)),
            None => self.matcher.expect(key, value),
        }
    }

    /// The next value of the topic. With `is_before_message` it came to be before the message at
    /// `at`, and so perhaps before a fold that begins there: then the fold knows.
    pub fn find(&mut self, key: K, at: Offset, is_before_message: bool, found: Placed) {
        if let Some(from) = self.before {
            let is_open = at == from && is_before_message;
            if at < from || (is_open && !self.at_beginning.contains(&key)) {
                self.passed += 1;
                return;
            }
            self.before = None;
            self.at_beginning = HashSet::new();
        }
        if self.waiting.is_some() && self.first.is_none() {
            self.first = Some((key.clone(), at));
        }
        self.matcher.find(key, found);
    }

    /// Whether the fold is ahead of what was found.
    pub fn wants_more(&self) -> bool {
        let waiting = self.waiting.as_ref().map_or(0, VecDeque::len);
        self.matcher.found() < self.matcher.expected() + waiting
    }

    /// Compares what both streams have.
    pub fn settle(&mut self, on_mismatch: &mut impl FnMut(Mismatch<K>)) {
        self.align();
        self.matcher.settle(on_mismatch);
    }

    /// Both streams are over: compares the rest, and gives the number of pairs.
    pub fn finish(mut self, on_mismatch: &mut impl FnMut(Mismatch<K>)) -> u64 {
        self.align();
        self.matcher.finish(on_mismatch)
    }

    /// Passes over what the topic no longer has, once it is known where the topic begins.
    pub fn align(&mut self) {
        let (Some(waiting), Some((key, at))) = (&mut self.waiting, &self.first) else {
            return;
        };
        // A topic that reaches back before the fold has everything that comes later.
        if self.passed == 0 {
            let is_gone = |(ours, ours_at, _): &mut (K, Offset, _)| ours != key && *ours_at <= *at;
            while waiting.pop_front_if(is_gone).is_some() {
                self.gone += 1;
            }
            if waiting.is_empty() {
                return;
            }
        }
        for (key, _, value) in self.waiting.take().into_iter().flatten() {
            self.matcher.expect(key, value);
        }
    }

    /// The topic has nothing more: what still waits for its first value is gone with it.
    pub fn close(&mut self) {
        self.align();
        if let Some(waiting) = self.waiting.take() {
            self.gone += waiting.len() as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs, passed, gone, mismatches; values are (key, offset, came before its message).
    fn compare(
        before: Option<u64>,
        is_cut: bool,
        expected: &[(u32, u64)],
        found: &[(u32, u64, bool)],
    ) -> (u64, u64, u64, usize) {
        let mut comparison = Comparison::new(before.map(Offset), is_cut);
        for &(key, at) in expected {
            comparison.expect(key, Offset(at), vec![]);
        }
        for &(key, at, early) in found {
            comparison.find(key, Offset(at), early, Placed { offset: Offset(0), value: vec![] });
        }
        comparison.close();
        let (passed, gone) = (comparison.passed, comparison.gone);
        let mut mismatches = 0;
        let pairs = comparison.finish(&mut |_| mismatches += 1);
        (pairs, passed, gone, mismatches)
    }

    const LATE: bool = false;
    const EARLY: bool = true;

    #[test]
    fn a_fold_from_the_beginning_compares_everything() {
        let found = [(1, 0, LATE), (2, 5, EARLY)];
        assert_eq!(compare(None, false, &[(1, 0), (2, 5)], &found), (2, 0, 0, 0));
        assert_eq!(compare(None, false, &[(2, 5)], &found), (1, 0, 0, 1), "nothing is passed over");
        assert_eq!(compare(None, false, &[(1, 0), (2, 5)], &found[1..]), (1, 0, 0, 1));
    }

    #[test]
    fn what_came_before_the_fold_is_passed_over() {
        let found = [(1, 3, LATE), (2, 10, EARLY), (3, 10, EARLY), (4, 10, LATE), (5, 11, LATE)];
        let expected = [(3, 10), (4, 10), (5, 11)];
        assert_eq!(compare(Some(10), false, &expected, &found), (3, 2, 0, 0));
        assert_eq!(compare(Some(10), true, &expected, &found), (3, 2, 0, 0));
    }

    #[test]
    fn an_old_value_after_the_first_new_one_counts() {
        let found = [(1, 3, LATE), (4, 10, LATE), (1, 3, LATE)];
        assert_eq!(compare(Some(10), false, &[(4, 10)], &found), (1, 1, 0, 1));
    }

    #[test]
    fn what_retention_took_from_the_topic_is_passed_over_and_no_more() {
        let expected = [(1, 0), (2, 5), (3, 5), (4, 7)];
        let found = [(3, 5, LATE), (4, 7, LATE)];
        assert_eq!(compare(None, true, &expected, &found), (2, 0, 2, 0));
        assert_eq!(compare(None, true, &expected, &[(9, 5, LATE), (4, 7, LATE)]), (1, 0, 3, 1));
        assert_eq!(compare(None, true, &expected, &found[..1]), (1, 0, 2, 1), "4 is missing");
        assert_eq!(compare(None, true, &expected, &[]), (0, 0, 4, 0));
        assert_eq!(compare(None, false, &expected, &[]), (0, 0, 0, 4));
    }
}
