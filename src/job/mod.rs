//! One job: where its options come from, how its parts are opened, and how it runs.

pub mod file;
mod origin;
mod own_partitions;
mod rescale;
pub(crate) mod run;
pub(crate) mod sinks;
