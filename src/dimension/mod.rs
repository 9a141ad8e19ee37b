//! Tables that SQL jobs look things up in, as far as they are in the world outside: where their rows
//! are read, how often, and what is told about it.
//!
//! One keeper reads for all partitions of a job. What it has read becomes a version
//! (`seismic_derived::Tables`), which is stored and journaled; what it could not read changes nothing
//! but the note that `status` shows.

pub mod database;
pub mod document;
pub mod function;
pub mod keeper;
pub mod limits;
pub mod note;
pub mod source;
pub mod topic;

use std::time::Duration;

use self::source::TableSource;

/// Where the rows of a table come from, and how often they are read. Results do not depend on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Name of the table.
    pub table: String,
    /// Where its rows are.
    pub source: TableSource,
    /// How long what was read is good.
    pub ttl: Duration,
    /// How long the job goes on with what was read while its source cannot be read; `None`: for
    /// ever.
    pub stale: Option<Duration>,
}
