//! Operations on a job at rest: fork, rewind, and rescale after partitions were added; and what its
//! stored state says about its sensors.

pub(crate) mod checkpoint_ref;
pub(crate) mod fork;
pub(crate) mod irregular_clocks;
pub(crate) mod newest_losses;
pub(crate) mod rescale;
pub(crate) mod rewind;
pub(crate) mod sensor_partitions;
