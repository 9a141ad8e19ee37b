//! Tests of sinks against real folders and stores; one target, so that the libraries are linked
//! once.

#![allow(clippy::unwrap_used)] // Helpers of tests are tests.

mod crash_images;
mod csv_conformance;
mod csv_folder;
mod csv_place;
mod document;
mod geojson;
mod geojson_place;
#[cfg(feature = "hbase")]
mod hbase;
mod hostile;
mod hostile_commit_files;
#[cfg(feature = "influx")]
mod influx;
mod json_rows;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "mysql")]
mod mysql_place;
#[cfg(feature = "odbc")]
mod odbc;
#[cfg(feature = "opensearch")]
mod opensearch;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod parallelism;
#[cfg(feature = "parquet")]
mod parquet;
mod patiently;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "postgres")]
mod postgres_place;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "rocketmq")]
mod rocketmq;
mod runner;
