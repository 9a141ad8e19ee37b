//! Sinks show committed windows. Each is a reader of the result topic with a position of its own,
//! so a slow sink never stalls the job, and one that was down catches up.
//!
//! ```text
//!  store: result topic ──Batch──► SinkRunner ──Rows: write, sync──► Sink   console │ csv │ rocketmq │ …
//!                                  │
//!                                  └─ put_sink_position: retention waits for what is not shown yet
//! ```
//!
//! [`Sink`] is the seam, [`SinkRunner`] the one loop around it, [`SinkThreads`] runs several. A new
//! sink is a folder, one line in `registry.rs`, and the conformance suite: its [`Entry`] covers
//! everything that is specific to a sink (opening, options, examination, comparison), so nothing
//! outside its folder knows its name. All folders use the same file names for the same things. Rows
//! reach sinks decoded, with their [`Schema`](seismic_proto::Schema).

// What databases share has no user where none of them is built.
#![cfg_attr(
    not(all(
        feature = "hbase",
        feature = "influx",
        feature = "kafka",
        feature = "mysql",
        feature = "odbc",
        feature = "opensearch",
        feature = "parquet",
        feature = "postgres",
        feature = "redis",
        feature = "rocketmq"
    )),
    allow(dead_code, unused_imports)
)]

mod compare;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod console;
mod entry;
mod error;
pub mod failpoints;
mod files;
#[cfg(any(feature = "documents", feature = "hbase", feature = "influx", feature = "opensearch"))]
mod http;
pub mod limits;
mod options;
mod position;
#[cfg(any(feature = "kafka", feature = "rocketmq"))]
mod queues;
#[cfg(feature = "redis")]
pub mod redis;
mod registry;
mod rows;
mod run;
mod sink;
mod spec;
#[cfg(any(feature = "mysql", feature = "odbc", feature = "postgres"))]
mod sql;
mod table_source;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "redis"))]
mod tls;

pub use compare::{Comparison, RowDifference, RowDifferenceKind};
pub use entry::{BareLoop, Context, Entry, SinkSpec, TableReading, Written};
pub use error::{Error, Result};
#[cfg(feature = "parquet")]
pub use files::parquet;
pub use files::{csv, geojson};
pub use options::{COMMON, OptionKind, SinkOption, nearest};
pub use position::ahead::{ahead, all_ahead};
pub use position::lags::{SinkLag, lags};
pub use position::mark::{SinkAhead, SinkMark};
pub use registry::{all, open, rows_in, sends_back_to};
pub use rows::{RowAt, RowDecoder, Rows, SkippedRows};
pub use run::{
    OpenSink, SinkEnd, SinkHold, SinkMetrics, SinkMetricsSnapshot, SinkOutcome, SinkRunner,
    SinkStart, SinkStop, SinkThreads, open_unless_stopped,
};
pub use sink::Sink;
pub use table_source::{TableQuestion, TableRows, TableValue, remedy_of_reading};

#[cfg(feature = "documents")]
pub use http::document;
#[cfg(feature = "hbase")]
pub use http::hbase;
#[cfg(feature = "influx")]
pub use http::influx;
#[cfg(feature = "opensearch")]
pub use http::opensearch;
#[cfg(feature = "kafka")]
pub use queues::kafka;
#[cfg(feature = "rocketmq")]
pub use queues::rocketmq;
pub use spec::without_password;
#[cfg(feature = "mysql")]
pub use sql::mysql;
#[cfg(feature = "odbc")]
pub use sql::odbc;
#[cfg(feature = "postgres")]
pub use sql::postgres;
