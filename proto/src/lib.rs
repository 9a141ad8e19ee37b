//! The messages: records, results, and the stored state of a job.
//!
//! Generated from `seismic.proto` (public, wire-compatible with the Java system this replaces) and
//! `state.proto` (ours alone). The generated Rust is committed so that a build needs no protobuf
//! compiler; a test regenerates it and compares (`UPDATE_GENERATED=1 cargo test -p seismic-proto`
//! writes it).
//!
//! Code that does not know the type of a row reads it through a [`Schema`]: [`Row`], [`Value`].

mod column;
mod panes;
mod row;
mod row_fields;
mod schema;
mod shown;
mod value;

pub mod validity;

pub use column::{Column, ColumnType};
pub use prost::{DecodeError, Message, encode_length_delimiter};
pub use row::Row;
pub use schema::Schema;
pub use shown::Shown;
pub use value::{Value, ValueRef};

/// Public messages, package `com.example.seismic`.
#[allow(missing_docs, clippy::all)]
mod seismic {
    include!("generated/com.example.seismic.rs");
}
pub use seismic::*;

/// A job's own state, package `seismic.state.v1`.
#[allow(missing_docs, clippy::all)]
pub mod state {
    include!("generated/seismic.state.v1.rs");
}

/// First byte of a message that packs several records (field 15, length-delimited). No record
/// begins with it, because its own fields are 1 to 11.
pub const BATCH_FIRST_BYTE: u8 = (15 << 3) | 2;
