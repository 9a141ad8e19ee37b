//! Sinks whose servers speak HTTP: what they share, and a folder for each.

mod client;
#[cfg(feature = "influx")]
pub mod influx;
