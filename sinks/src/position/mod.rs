//! Positions of sinks: stored with the rows, readable from outside, and compared with the store.

pub(crate) mod ahead;
#[cfg(any(feature = "hbase", feature = "kafka", feature = "opensearch"))]
pub(crate) mod document;
pub(crate) mod lags;
pub(crate) mod mark;
#[cfg(any(
    feature = "hbase",
    feature = "kafka",
    feature = "mysql",
    feature = "odbc",
    feature = "opensearch",
    feature = "parquet",
    feature = "postgres",
    feature = "redis"
))]
pub(crate) mod stored;
