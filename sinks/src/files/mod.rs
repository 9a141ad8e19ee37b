//! Sinks that write files on this machine.

pub mod csv;
mod durable;
pub mod geojson;
#[cfg(feature = "parquet")]
pub mod parquet;
