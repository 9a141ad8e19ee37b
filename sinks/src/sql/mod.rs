//! Databases that speak SQL: what their sinks share, and a folder for each.
//!
//! [`sink::TableSink`] is the sink of all of them: it keeps the batch, moves rows and position in
//! one transaction, and settles what a lost connection left unknown. A database says how it does
//! each step ([`database::Database`]). A new one is a folder here, and a line in `registry.rs`.

mod application;
mod batch;
mod database;
mod lane;
#[cfg(feature = "mysql")]
pub mod mysql;
mod names;
#[cfg(feature = "odbc")]
pub mod odbc;
mod options;
mod patience;
mod positions;
#[cfg(feature = "postgres")]
pub mod postgres;
mod read_table;
mod sink;
mod table_target;
