//! Imports of recorded data, one module per kind of file. Repeating an import adds nothing.

mod file_digest;
mod file_kind;
mod gunzip;
mod lines;
mod merge;
mod newest_times;
pub mod openeew;
mod parse;
pub mod records;
mod remarks;
mod sensor_table;

pub use remarks::Remarks;
