//! The list of sinks, and finding one in it.

use seismic_queue::{Queue, Url};

use crate::entry::{Context, Entry, SinkSpec};
#[cfg(feature = "parquet")]
use crate::files::parquet;
use crate::files::{csv, geojson};
#[cfg(feature = "hbase")]
use crate::http::hbase;
#[cfg(feature = "influx")]
use crate::http::influx;
#[cfg(feature = "opensearch")]
use crate::http::opensearch;
#[cfg(feature = "kafka")]
use crate::queues::kafka;
#[cfg(feature = "rocketmq")]
use crate::queues::rocketmq;
#[cfg(feature = "redis")]
use crate::redis;
#[cfg(feature = "mysql")]
use crate::sql::mysql;
#[cfg(feature = "odbc")]
use crate::sql::odbc;
#[cfg(feature = "postgres")]
use crate::sql::postgres;
use crate::{Result, Sink, console};

/// Every sink there is. A new one is its folder and a line here.
const SINKS: &[&Entry] = &[
    &console::ENTRY,
    &csv::ENTRY,
    &geojson::ENTRY,
    #[cfg(feature = "hbase")]
    &hbase::ENTRY,
    #[cfg(feature = "influx")]
    &influx::ENTRY,
    #[cfg(feature = "kafka")]
    &kafka::ENTRY,
    #[cfg(feature = "mysql")]
    &mysql::ENTRY,
    #[cfg(feature = "odbc")]
    &odbc::ENTRY,
    #[cfg(feature = "opensearch")]
    &opensearch::ENTRY,
    #[cfg(feature = "parquet")]
    &parquet::ENTRY,
    #[cfg(feature = "postgres")]
    &postgres::ENTRY,
    #[cfg(feature = "redis")]
    &redis::ENTRY,
    #[cfg(feature = "rocketmq")]
    &rocketmq::ENTRY,
];

/// Sinks that this program was built without: what a spec begins with, and the cargo feature.
const LEFT_OUT: &[(&str, &str)] = &[
    #[cfg(not(feature = "hbase"))]
    ("hbase", "hbase"),
    #[cfg(not(feature = "influx"))]
    ("influx", "influx"),
    #[cfg(not(feature = "kafka"))]
    ("kafka", "kafka"),
    #[cfg(not(feature = "mysql"))]
    ("mysql", "mysql"),
    #[cfg(not(feature = "odbc"))]
    ("odbc", "odbc"),
    #[cfg(not(feature = "opensearch"))]
    ("opensearch", "opensearch"),
    #[cfg(not(feature = "parquet"))]
    ("parquet", "parquet"),
    #[cfg(not(feature = "postgres"))]
    ("postgres", "postgres"),
    #[cfg(not(feature = "redis"))]
    ("redis", "redis"),
    #[cfg(not(feature = "rocketmq"))]
    ("rocketmq", "rocketmq"),
];

/// Further names of sinks.
const ALIASES: &[(&str, &str)] = &[("elasticsearch", "opensearch"), ("mariadb", "mysql")];

/// What the sink of that scheme or further name is called in the list.
fn in_list(scheme: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == scheme).map_or(scheme, |(_, name)| name)
}

/// The cargo feature with which this program would have the sink of that scheme.
pub(crate) fn missing_feature(scheme: &str) -> Option<&'static str> {
    let scheme = in_list(scheme);
    LEFT_OUT.iter().find(|(left_out, _)| *left_out == scheme).map(|(_, feature)| *feature)
}

/// The list, in the order in which people read it.
pub fn all() -> impl Iterator<Item = &'static Entry> {
    SINKS.iter().copied()
}

/// The sink of that scheme.
pub(crate) fn find(scheme: &str) -> Option<&'static Entry> {
    all().find(|entry| entry.scheme == in_list(scheme))
}

/// Opens the sink that `spec` names. It still has to recover, which
/// [`SinkRunner::new`](crate::SinkRunner::new) lets it do.
///
/// # Errors
/// What the sink says of its target: in use, not writable.
pub fn open(spec: &SinkSpec, context: &Context) -> Result<Box<dyn Sink>> {
    (spec.entry().open)(spec, context)
}

/// The queue at `url`, so that a topic of it that a sink wrote shows what counts of the sink's
/// messages; `None` when no sink wrote the topic.
///
/// # Errors
/// When the queue cannot be asked.
pub fn rows_in(url: &Url, topic: &str) -> Result<Option<Box<dyn Queue>>> {
    for rows_in in all().filter_map(|entry| entry.rows_in) {
        if let Some(queue) = rows_in(url, topic)? {
            return Ok(Some(queue));
        }
    }
    Ok(None)
}

/// The sink that can send rows back to the queue at `url`, and that queue as readers of such rows
/// open it; `None` where there is none.
///
/// # Errors
/// When the queue cannot be opened.
pub fn sends_back_to(url: &Url) -> Result<Option<(&'static Entry, Box<dyn Queue>)>> {
    for entry in all() {
        let Some(sends_back_to) = entry.sends_back_to else { continue };
        if let Some(queue) = sends_back_to(url)? {
            return Ok(Some((entry, queue)));
        }
    }
    Ok(None)
}
