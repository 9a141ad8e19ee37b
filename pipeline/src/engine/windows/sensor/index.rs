//! The index of known sensors: ids to numbers and back. Sensors are numbered in the order in which
//! they were first seen; none is ever removed.
//!
//! Ids are short, so they are compared and hashed as words. Usually they need not be hashed at all:
//! sensors take turns, or send many records in a row, so the next number is predicted from the last
//! two. A prediction costs one comparison and is made only while the previous one was right. It is
//! derived, so it is not part of snapshots, and it never changes the result.

use std::hash::BuildHasher;

use compact_str::CompactString;
use foldhash::fast::FixedState;
use hashbrown::HashTable;

/// Ids and their numbers.
#[derive(Debug, Default)]
pub(crate) struct SensorIndex {
    /// By number; up to 24 bytes need no further memory.
    ids: Vec<CompactString>,
    /// By number: an event time of each at which it is known to have had a record, ms.
    since_ms: Vec<i64>,
    /// Numbers by hash of the id.
    index: HashTable<u32>,
    hasher: FixedState,
    /// The number found last, and how far it lay from the one before.
    last: usize,
    step: usize,
    /// Whether the last number was as far from the one before as that from its own.
    is_regular: bool,
}

impl SensorIndex {
    /// Number of the sensor, if it is known.
    #[inline]
    pub fn find(&mut self, id: &[u8]) -> Option<usize> {
        let guess = self.last.wrapping_add(self.step);
        if self.is_regular && self.ids.get(guess).is_some_and(|known| is_same(known, id)) {
            self.last = guess;
            return Some(guess);
        }
        self.look_up(id, guess)
    }

    #[inline(never)]
    fn look_up(&mut self, id: &[u8], guess: usize) -> Option<usize> {
        let ids = &self.ids;
        let is_it = |&number: &u32| is_same(&ids[number as usize], id);
        let number = *self.index.find(hash(&self.hasher, id), is_it)? as usize;
        self.is_regular = number == guess;
        self.step = number.wrapping_sub(self.last);
        self.last = number;
        Some(number)
    }

    /// Number of the sensor, if it is known, for someone who asks now and then.
    pub fn number_of(&self, id: &str) -> Option<usize> {
        let is_it = |&number: &u32| is_same(&self.ids[number as usize], id.as_bytes());
        Some(*self.index.find(hash(&self.hasher, id.as_bytes()), is_it)? as usize)
    }

    /// An event time at which the sensor is known to have had a record: that of its first one or,
    /// when it was restored, its clock then.
    pub fn since_ms(&self, number: usize) -> i64 {
        self.since_ms[number]
    }

    /// Gives a sensor that is not known the next number. It has a record of `time_ms`.
    pub fn add(&mut self, id: &str, time_ms: i64) -> usize {
        let number = u32::try_from(self.ids.len()).expect("max_sensors is at most u32::MAX");
        self.ids.push(CompactString::new(id));
        self.since_ms.push(time_ms);
        let (ids, hasher) = (&self.ids, &self.hasher);
        let rehash = |&number: &u32| hash(hasher, ids[number as usize].as_bytes());
        self.index.insert_unique(hash(hasher, id.as_bytes()), number, rehash);
        number as usize
    }

    /// The id of the sensor at a number.
    pub fn id(&self, number: usize) -> &str {
        &self.ids[number]
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

#[inline]
fn is_same(known: &CompactString, id: &[u8]) -> bool {
    let known = known.as_bytes();
    known.len() == id.len()
        && match (words(known), words(id)) {
            (Some(known), Some(id)) => known == id,
            _ => known == id,
        }
}

/// Ids of four to 16 bytes as two words, which overlap: all of the id, if its length is known.
#[inline]
fn words(id: &[u8]) -> Option<[u64; 2]> {
    if id.len() > 16 {
        return None;
    }
    if let (Some(first), Some(last)) = (id.first_chunk(), id.last_chunk()) {
        return Some([u64::from_le_bytes(*first), u64::from_le_bytes(*last)]);
    }
    let (first, last) = (id.first_chunk()?, id.last_chunk()?);
    Some([u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into()])
}

/// One folded multiplication, as foldhash and wyhash do it, of the words and the length; odd digits
/// of pi keep zeros apart.
#[inline]
fn hash(hasher: &FixedState, id: &[u8]) -> u64 {
    const PI: [u64; 2] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7345];
    let Some([first, last]) = words(id) else {
        return hasher.hash_one(id);
    };
    let first = first ^ PI[0] ^ (id.len() as u64) << 56;
    let product = u128::from(first) * u128::from(last ^ PI[1]);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn ids_of_a_network_have_hashes_of_their_own() {
        let state = FixedState::default();
        for (width, count) in [(3, 1_000), (4, 10_000), (7, 1_000_000)] {
            let id = |i: u32| format!("S{i:0width$}");
            let hashes: HashSet<u64> = (0..count).map(|i| hash(&state, id(i).as_bytes())).collect();
            assert_eq!(hashes.len(), count as usize);
            // hashbrown takes the low bits for the slot and the high ones for the tag.
            let low: HashSet<u64> = hashes.iter().map(|hash| hash % (1 << 20)).collect();
            let high: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
            let expected =
                f64::from(1 << 20) * (1.0 - (-f64::from(count) / f64::from(1 << 20)).exp());
            assert!(low.len() as f64 > expected * 0.95, "{} of about {expected}", low.len());
            assert_eq!(high.len(), 128, "of {count}");
        }
    }

    /// Ids of every length there is a way for, some that differ in one byte only.
    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ab]{1,3}",
            "[ab]{4,7}",
            "S00[0-9]",
            "[ab]{8,16}",
            "[ab]{17,30}",
            "MX.OXJM.00.HN[ENZ]"
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_guessed_each_id_has_the_place_at_which_it_was_first_seen(
            ids in vec(id(), 1..40),
            // Rounds, runs, and jumps among them.
            walk in vec((any::<prop::sample::Index>(), 0usize..3, 1usize..12), 1..40),
        ) {
            let (mut sensor_index, mut numbers) = (SensorIndex::default(), HashMap::new());
            for (at, step, times) in walk {
                let mut at = at.index(ids.len());
                for _ in 0..times {
                    let id = &ids[at % ids.len()];
                    let found = sensor_index.find(id.as_bytes());
                    prop_assert_eq!(found, numbers.get(id).copied(), "{}", id);
                    if found.is_none() {
                        numbers.insert(id, sensor_index.add(id, 0));
                    }
                    at += step;
                }
            }
            prop_assert_eq!(sensor_index.len(), numbers.len());
            for (id, number) in numbers {
                prop_assert_eq!(sensor_index.id(number), id);
                prop_assert_eq!(sensor_index.number_of(id), Some(number));
            }
        }
    }
}
