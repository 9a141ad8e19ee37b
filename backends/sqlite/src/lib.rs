//! The embedded durable queue and store: SQLite files in WAL mode, for several processes at once.
//!
//! A queue is one file, each job's store another; both keep topics in the same layout, which
//! `schema.rs` describes. All changes to a file go through the one `Writer` of its handle, which
//! commits the work of several threads together. Readers have connections of their own and read in
//! short transactions, so that the WAL stays small.

mod backend;
mod copy;
mod cuts;
mod database;
mod error;
mod examine;
pub mod failpoints;
mod file_identity;
mod in_flight;
pub mod limits;
mod main_file;
mod queue;
#[cfg(unix)]
mod read_only;
#[cfg(unix)]
mod refusal;
mod schema;
mod store;
mod system_error;
mod topics;
mod writer;

pub use backend::{BACKEND, SqliteFile};
pub use queue::SqliteQueue;
pub use store::SqliteStore;

#[cfg(test)]
mod tests;
