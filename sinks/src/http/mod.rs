//! Servers that speak HTTP: what their sinks share, a folder for each of these, and documents that are
//! read there.

#[cfg(any(feature = "documents", feature = "hbase", feature = "opensearch"))]
mod address;
#[cfg(any(feature = "hbase", feature = "opensearch"))]
mod answer;
mod client;
#[cfg(feature = "documents")]
pub mod document;
#[cfg(feature = "hbase")]
pub mod hbase;
#[cfg(feature = "influx")]
pub mod influx;
#[cfg(feature = "opensearch")]
pub mod opensearch;
