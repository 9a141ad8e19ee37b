//! Sinks through the program.

#[cfg(feature = "hbase")]
mod hbase;
mod hold_behind;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "opensearch")]
mod opensearch;
#[cfg(feature = "parquet")]
mod parquet;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod small_sinks;
