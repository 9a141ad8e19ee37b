//! Real brokers and databases for tests, without containers: brokers fetched once with Maven,
//! databases as the system has them, started on free loopback ports in a folder of their own,
//! stopped whatever happens.
//!
//! A broker ends with its handle, and with the test process however that ends: `setpriv` has the
//! kernel kill it when the thread that started it is gone, and that thread lives as long as the
//! process. Where Java or Maven is missing, a test is skipped with a loud word; with `CI=true` that
//! is a failure.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests that skip say so")]

mod certificates;
mod class_path;
mod hbase;
mod java;
mod kafka;
mod mariadb;
mod odbc;
mod opensearch;
mod ports;
mod postgres;
mod process;
mod proxy;
mod python;
mod redis;
mod rocketmq;
mod room;
mod secured;
mod server;

pub use certificates::Certificates;
pub use hbase::HBase;
pub use java::at_full_speed;
pub use kafka::Kafka;
pub use mariadb::MariaDb;
pub use odbc::odbc_driver;
pub use opensearch::{OpenSearch, ask_http};
pub use postgres::Postgres;
pub use proxy::Proxy;
pub use python::python_with;
pub use redis::Redis;
pub use rocketmq::{Flush, RocketMq};
pub use room::name_if_it_waited;
pub use secured::Doors;
pub use server::Server;
