//! Which sensors have rows in several partitions: 16 bytes for each sensor, and the ids of those few.

use std::collections::{BTreeSet, HashMap};
use std::hash::BuildHasher as _;

use compact_str::CompactString;
use foldhash::quality::FixedState;
use seismic_queue::Partition;

/// Which sensors have rows in which partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct SensorPartitions {
    /// Where a sensor was found first, by the hash of its id.
    homes: HashMap<u64, Partition>,
    /// Sensors found in a second partition.
    pub several: BTreeSet<CompactString>,
}

impl SensorPartitions {
    /// A partition has rows of the sensor.
    pub fn see(&mut self, sensor: &CompactString, partition: Partition) {
        let hash = FixedState::default().hash_one(sensor);
        if *self.homes.entry(hash).or_insert(partition) != partition {
            self.several.insert(sensor.clone());
        }
    }
}
