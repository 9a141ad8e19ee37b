//! Why the state of an operator cannot move between partitions.

use seismic_queue::Partition;

use crate::engine::snapshot_error::SnapshotError;

/// Why sensor state cannot be redistributed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum RedistributeError {
    #[error("partition {partition} has {what}")]
    Open { partition: Partition, what: String },
    #[error(
        "sensor {sensor:?} is in partition {partition}, and Kafka's partitioner puts its id into \
         {expected}: its producer places sensors in another way, so their partitions after the rescale are unknown"
    )]
    PlacedElsewhere { sensor: String, partition: Partition, expected: Partition },
    #[error(
        "partition {partition} would have {sensors} sensors, more than the limit of a partition"
    )]
    TooMany { partition: Partition, sensors: u64 },
    #[error("{0}")]
    Immovable(&'static str),
    #[error("the sensors that partition {partition} would get contradict each other")]
    Damaged { partition: Partition, source: SnapshotError },
}
