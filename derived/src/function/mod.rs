//! Functions of one's own.
//!
//! ```text
//!  file, resource ─► module (content, hash) ─► store ─► journal entry ─► operator ─► a call per row
//!  (the caller's)    module.rs                 tables.rs  entry.rs      slot.rs     instance.rs
//! ```
//!
//! A function is an export of a WebAssembly module, named by the hash of that, which is stored beside
//! the job as versions of tables are: a restart and a proof find it there. The module has no imports,
//! so it knows no clock, no chance and no file; NaNs have one form; what a call may take in steps and
//! bytes has a bound; and a call cannot leave anything behind for the next one: a function that writes
//! nothing keeps its instance, where what the host wrote for a call is taken back (`undo.rs`), and any
//! other gets a new one for each call. So an answer depends on the arguments alone, however rows are cut
//! into batches.

pub mod check;
#[cfg(feature = "wasm")]
pub mod host;
#[cfg(feature = "wasm")]
pub mod instance;
#[cfg(feature = "wasm")]
pub mod module;
#[cfg(not(feature = "wasm"))]
#[path = "without.rs"]
pub mod module;
#[cfg(feature = "wasm")]
mod purity;
pub mod slot;
#[cfg(feature = "wasm")]
pub mod undo;
