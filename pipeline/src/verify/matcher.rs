//! Compares two streams of keyed values that should be the same, in memory that grows with their
//! differences and not with their length.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use seismic_queue::Offset;

/// A value that was found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub offset: Offset,
    pub value: Vec<u8>,
}

/// What does not match.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Mismatch<K> {
    /// Both are there and differ.
    Differs(K, Vec<u8>, Placed),
    /// Expected and not found.
    Missing(K, Vec<u8>),
    /// Found and not expected, or expected fewer times.
    Surplus(K, Placed),
}

/// Feeds of both streams, and what of them waits for its other half.
pub(crate) struct Matcher<K> {
    expected: VecDeque<(K, Vec<u8>)>,
    found: VecDeque<(K, Placed)>,
    /// Passed over in their own stream because the other one had something else in their place.
    missing: HashMap<K, Vec<u8>>,
    surplus: HashMap<K, VecDeque<Placed>>,
    matched: u64,
}

impl<K> Default for Matcher<K> {
    fn default() -> Self {
        Matcher {
            expected: VecDeque::new(),
            found: VecDeque::new(),
            missing: HashMap::new(),
            surplus: HashMap::new(),
            matched: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Matcher<K> {
    /// The next expected value.
    pub fn expect(&mut self, key: K, value: Vec<u8>) {
        self.expected.push_back((key, value));
    }

    /// The next value found.
    pub fn find(&mut self, key: K, found: Placed) {
        self.found.push_back((key, found));
    }

    /// Values expected that wait for one found.
    pub fn expected(&self) -> usize {
        self.expected.len()
    }

    /// Values found that wait for one expected.
    pub fn found(&self) -> usize {
        self.found.len()
    }

    /// Compares what both streams have; tells of pairs that differ.
    pub fn settle(&mut self, on_mismatch: &mut impl FnMut(Mismatch<K>)) {
        while let (Some((expected, _)), Some((found, _))) =
            (self.expected.front(), self.found.front())
        {
            let is_pair = expected == found;
            let (key, value) = self.expected.pop_front().expect("front was there");
            let (other, found) = self.found.pop_front().expect("front was there");
            if is_pair {
                self.pair(key, value, found, on_mismatch);
            } else {
                self.add_expected(key, value, on_mismatch);
                self.add_found(other, found, on_mismatch);
            }
        }
    }

    /// Both streams are over: tells of everything without its other half.
    pub fn finish(mut self, on_mismatch: &mut impl FnMut(Mismatch<K>)) -> u64 {
        self.settle(on_mismatch);
        for (key, value) in std::mem::take(&mut self.expected) {
            self.add_expected(key, value, on_mismatch);
        }
        for (key, found) in std::mem::take(&mut self.found) {
            self.add_found(key, found, on_mismatch);
        }
        self.missing
            .into_iter()
            .for_each(|(key, value)| on_mismatch(Mismatch::Missing(key, value)));
        for (key, all) in self.surplus {
            all.into_iter().for_each(|found| on_mismatch(Mismatch::Surplus(key.clone(), found)));
        }
        self.matched
    }

    fn add_expected(&mut self, key: K, value: Vec<u8>, on_mismatch: &mut impl FnMut(Mismatch<K>)) {
        match self.surplus.get_mut(&key).and_then(VecDeque::pop_front) {
            Some(found) => {
                if self.surplus.get(&key).is_some_and(VecDeque::is_empty) {
                    self.surplus.remove(&key);
                }
                self.pair(key, value, found, on_mismatch);
            }
            None => {
                self.missing.insert(key, value);
            }
        }
    }

    fn add_found(&mut self, key: K, found: Placed, on_mismatch: &mut impl FnMut(Mismatch<K>)) {
        match self.missing.remove(&key) {
            Some(value) => self.pair(key, value, found, on_mismatch),
            None => self.surplus.entry(key).or_default().push_back(found),
        }
    }

    fn pair(
        &mut self,
        key: K,
        value: Vec<u8>,
        found: Placed,
        on_mismatch: &mut impl FnMut(Mismatch<K>),
    ) {
        self.matched += 1;
        if value != found.value {
            on_mismatch(Mismatch::Differs(key, value, found));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expected: &[(u32, u8)], found: &[(u32, u8)]) -> (u64, Vec<Mismatch<u32>>) {
        let mut matcher = Matcher::default();
        let mut all = Vec::new();
        let mut on_mismatch = |mismatch| all.push(mismatch);
        for (i, &(key, value)) in found.iter().enumerate() {
            matcher.find(key, Placed { offset: Offset(i as u64), value: vec![value] });
        }
        for &(key, value) in expected {
            matcher.expect(key, vec![value]);
            matcher.settle(&mut on_mismatch);
        }
        let matched = matcher.finish(&mut on_mismatch);
        (matched, all)
    }

    #[test]
    fn equal_streams_match_entirely() {
        assert_eq!(compare(&[(1, 1), (2, 2)], &[(1, 1), (2, 2)]), (2, vec![]));
    }

    #[test]
    fn a_missing_value_does_not_hide_the_ones_after_it() {
        let (matched, all) = compare(&[(1, 1), (2, 2), (3, 3), (4, 4)], &[(1, 1), (3, 3), (4, 4)]);
        assert_eq!((matched, all), (3, vec![Mismatch::Missing(2, vec![2])]));
    }

    #[test]
    fn a_doubled_value_is_surplus_where_it_stands_again() {
        let (matched, all) = compare(&[(1, 1), (2, 2)], &[(1, 1), (1, 1), (2, 2)]);
        let again = Placed { offset: Offset(1), value: vec![1] };
        assert_eq!((matched, all), (2, vec![Mismatch::Surplus(1, again)]));
    }

    #[test]
    fn a_changed_value_differs() {
        let (matched, all) = compare(&[(1, 1)], &[(1, 9)]);
        let found = Placed { offset: Offset(0), value: vec![9] };
        assert_eq!((matched, all), (1, vec![Mismatch::Differs(1, vec![1], found)]));
    }
}
