//! Sinks whose servers speak HTTP: what they share, and a folder for each.

#[cfg(feature = "opensearch")]
mod address;
#[cfg(feature = "opensearch")]
mod answer;
mod client;
#[cfg(feature = "influx")]
pub mod influx;
#[cfg(feature = "opensearch")]
pub mod opensearch;
