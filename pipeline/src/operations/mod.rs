//! What is done with a job at rest: fork it, rewind it, rescale it after partitions were added;
//! and what its state says of its sensors.

pub(crate) mod checkpoint_ref;
pub(crate) mod fork;
pub(crate) mod irregular_clocks;
pub(crate) mod newest_losses;
pub(crate) mod rescale;
pub(crate) mod rewind;
pub(crate) mod sensor_partitions;
