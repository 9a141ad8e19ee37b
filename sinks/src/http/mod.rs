//! Sinks whose servers speak HTTP: what they share, and a folder for each.

#[cfg(any(feature = "hbase", feature = "opensearch"))]
mod address;
#[cfg(any(feature = "hbase", feature = "opensearch"))]
mod answer;
mod client;
#[cfg(feature = "hbase")]
pub mod hbase;
#[cfg(feature = "influx")]
pub mod influx;
#[cfg(feature = "opensearch")]
pub mod opensearch;
