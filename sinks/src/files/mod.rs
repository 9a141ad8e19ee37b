//! Sinks that write files on this machine.

pub mod csv;
pub mod geojson;
