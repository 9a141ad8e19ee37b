//! Which partition of the topic a row goes to.

use seismic_queue::Partition;

/// How it is chosen. Either way the rows of a sensor are in one partition, in their order, as long as
/// the topic has as many partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partitioner {
    /// That of the row in the result topic, counted again from 0 where the topic has fewer.
    Partition,
    /// By the hash of its key, as Kafka's own producers in Java choose it.
    Key,
}

impl Partitioner {
    pub(super) fn of(word: &str) -> Partitioner {
        match word {
            "key" => Partitioner::Key,
            _ => Partitioner::Partition,
        }
    }

    /// The partition of a row, of a topic with so many.
    pub(super) fn partition(self, row: Partition, key: &[u8], partitions: u32) -> Partition {
        match self {
            Partitioner::Partition => Partition(row.0 % partitions),
            Partitioner::Key => Partition((murmur2(key) & 0x7fff_ffff) % partitions),
        }
    }

    /// Those that may have rows of a partition of the result topic.
    pub(super) fn all_of(self, row: Partition, partitions: u32) -> Vec<Partition> {
        match self {
            Partitioner::Partition => vec![Partition(row.0 % partitions)],
            Partitioner::Key => (0..partitions).map(Partition).collect(),
        }
    }
}

/// MurmurHash2 as `org.apache.kafka.common.utils.Utils.murmur2` computes it.
fn murmur2(key: &[u8]) -> u32 {
    const MIX: u32 = 0x5bd1_e995;
    // Only the length's lower half counts, as in Java.
    let mut hash = 0x9747_b28c_u32 ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(MIX);
        k = (k ^ (k >> 24)).wrapping_mul(MIX);
        hash = hash.wrapping_mul(MIX) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        let rest = rest.iter().rev().fold(0_u32, |all, &byte| (all << 8) | u32::from(byte));
        hash = (hash ^ rest).wrapping_mul(MIX);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(MIX);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_hash_that_kafkas_own_clients_give_it() {
        // From UtilsTest.java of Apache Kafka.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
    }

    #[test]
    fn rows_of_a_partition_stay_together_and_keys_too() {
        let (row, key) = (Partition(5), &b"foobar"[..]);
        assert_eq!(Partitioner::Partition.partition(row, key, 8), row);
        assert_eq!(Partitioner::Partition.partition(row, key, 4), Partition(1));
        assert_eq!(Partitioner::Partition.all_of(row, 4), [Partition(1)]);
        let to = Partitioner::Key.partition(row, key, 4);
        assert_eq!(Partitioner::Key.partition(Partition(0), key, 4), to);
        assert!(Partitioner::Key.all_of(row, 4).contains(&to));
    }
}
