//! Tables that a statement looks things up in.
//!
//! ```text
//!  file, server, topic   ─► rows ─► version (content, hash) ─► store ─► journal entry ─► operator
//!  (the caller's)           rows.rs  version.rs                tables.rs  entry.rs
//! ```
//!
//! A version is a whole table in one form, named by the hash of that. It is stored before it is
//! offered to operators; each partition takes it before its next batch, which is an entry of its
//! journal. In force at an offset is the last one at or before it, so a restart and a proof look
//! things up as the job did, whatever the source says by then.

pub mod check;
pub mod difference;
pub mod entry;
pub mod json_path;
pub mod key;
mod modules;
pub mod retention;
pub mod rows;
pub mod tables;
pub mod text;
pub mod topic;
pub mod version;
