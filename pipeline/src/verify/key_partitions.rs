//! Which keys, such as sensors, have rows in several partitions: 16 bytes per key, and the names of
//! these few.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;

use compact_str::CompactString;
use foldhash::quality::FixedState;
use seismic_queue::Partition;

/// Which keys have rows in which partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyPartitions {
    /// Where a key was found first, by its hash.
    homes: HashMap<u64, Partition>,
    /// Keys found in a second partition.
    pub several: BTreeSet<CompactString>,
}

impl KeyPartitions {
    /// A partition has rows of the key.
    pub fn see(&mut self, key: CompactString, partition: Partition) {
        let hash = FixedState::default().hash_one(&key);
        if *self.homes.entry(hash).or_insert(partition) != partition {
            self.several.insert(key);
        }
    }
}
