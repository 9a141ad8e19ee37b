//! Rows of keyed outputs whose order within a task is known: compared as sequences.
//!
//! Each task has one sequence per partition of an output: the rows that it wrote there. A digest
//! over a sequence shows whether its rows are the same, each once and in order. Digests are kept
//! for sections, so that a difference can be located.

use std::collections::{BTreeMap, BTreeSet};

use seismic_queue::Partition;

use crate::engine::operator::RowIdentity;

/// Rows of one digest.
const STRETCH: u64 = 1_024;

/// A partition of an output, by the output's place.
type To = (usize, Partition);

/// All sequences, as they are expected and as they were found.
#[derive(Default)]
pub(super) struct KeyedSequences {
    pairs: BTreeMap<(To, Partition), Pair>,
    /// Partitions whose oldest rows were deleted, and the first row that each task has there yet.
    cut: BTreeSet<To>,
    kept: BTreeMap<(To, Partition), RowIdentity>,
}

#[derive(Default)]
struct Pair {
    expected: Sequence,
    found: Sequence,
}

/// The rows of a task in a partition.
#[derive(Default)]
struct Sequence {
    rows: u64,
    stretches: Vec<Stretch>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Stretch {
    first: RowIdentity,
    digest: u64,
}

impl Sequence {
    fn push(&mut self, identity: RowIdentity, digest: u64) {
        if self.rows.is_multiple_of(STRETCH) {
            self.stretches.push(Stretch { first: identity, digest: 0 });
        }
        self.rows += 1;
        if let Some(last) = self.stretches.last_mut() {
            // Each step is a bijection of what came before, so no row hides another one.
            last.digest = (last.digest.rotate_left(7) ^ digest).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }
}

impl KeyedSequences {
    /// The oldest rows of that partition were deleted.
    pub fn is_cut(&mut self, to: To) {
        self.cut.insert(to);
    }

    /// A row is still in a partition of which some were deleted.
    pub fn is_kept(&mut self, to: To, identity: RowIdentity) {
        self.kept.entry((to, identity.partition)).or_insert(identity);
    }

    /// Takes the next row that a task writes.
    pub fn expect(&mut self, to: To, identity: RowIdentity, digest: u64) {
        let key = (to, identity.partition);
        let is_gone = || self.kept.get(&key).is_none_or(|kept| identity < *kept);
        if !self.cut.contains(&to) || !is_gone() {
            self.pairs.entry(key).or_default().expected.push(identity, digest);
        }
    }

    /// Takes the next row that is there.
    pub fn find(&mut self, to: To, identity: RowIdentity, digest: u64) {
        self.pairs.entry((to, identity.partition)).or_default().found.push(identity, digest);
    }

    /// What differs.
    pub fn differing(self) -> Vec<Differing> {
        let mut all = Vec::new();
        for ((to, of), Pair { expected, found }) in self.pairs {
            let differs = |(ours, theirs): &(&Stretch, &Stretch)| ours != theirs;
            let first = expected.stretches.iter().zip(&found.stretches).find(differs);
            if first.is_none() && expected.rows == found.rows {
                continue;
            }
            let near = first.map(|(ours, _)| ours.first).or_else(|| {
                let longer = if expected.rows > found.rows { &expected } else { &found };
                longer.stretches.last().map(|last| last.first)
            });
            let near = near
                .map_or(String::new(), |it| format!("; the first difference is at or after {it}"));
            let rows = expected.rows;
            let expected = format!("{rows} rows of partition {of} of the input, in their order");
            let found = format!("{} rows, which are not these{near}", found.rows);
            all.push(Differing { to, of, expected, found });
        }
        all
    }
}

/// A sequence that differs.
#[derive(Debug)]
pub(super) struct Differing {
    pub to: To,
    /// Partition of the task.
    pub of: Partition,
    pub expected: String,
    pub found: String,
}

#[cfg(test)]
mod tests {
    use seismic_queue::Offset;

    use super::*;

    const TO: To = (0, Partition(2));

    fn row(offset: u64) -> RowIdentity {
        let (partition, offset) = (Partition(1), Offset(offset));
        RowIdentity { input: 0, partition, offset, index: 0, number: 0 }
    }

    /// What differs when these offsets are found where 5,000 are expected.
    fn found(offsets: impl Iterator<Item = u64>) -> Vec<Differing> {
        let mut sequences = KeyedSequences::default();
        (0..5_000).for_each(|offset| sequences.expect(TO, row(offset), offset * 7));
        offsets.for_each(|offset| sequences.find(TO, row(offset), offset * 7));
        sequences.differing()
    }

    #[test]
    fn what_is_missing_doubled_or_elsewhere_is_told_with_about_where() {
        assert!(found(0..5_000).is_empty());
        let faults: [Vec<u64>; 4] = [
            (0..5_000).filter(|it| *it != 3_000).collect(),
            (0..5_000).chain([4_999]).collect(),
            (0..5_000).map(|it| if it == 2_999 { 3_000 } else { it }).collect(),
            (0..4_999).collect(),
        ];
        for (fault, near) in faults.into_iter().zip([2_048, 4_096, 2_048, 4_096]) {
            let told = found(fault.into_iter());
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(told[0].expected.starts_with("5000 rows of partition 1"), "{told:?}");
            assert!(told[0].found.contains(&format!("message {near} of input 0/1")), "{told:?}");
        }
    }

    #[test]
    fn rows_that_retention_deleted_are_not_missed() {
        let mut sequences = KeyedSequences::default();
        sequences.is_cut(TO);
        sequences.is_kept(TO, row(40));
        (0..100).for_each(|offset| sequences.expect(TO, row(offset), offset));
        (40..100).for_each(|offset| sequences.find(TO, row(offset), offset));
        assert!(sequences.differing().is_empty());
    }
}
