//! A module in place of a statement.
//!
//! ```text
//!  rows ─► on_row for each ─► emit … ─► output rows         of a window: on_row for each, then on_end
//! ```
//!
//! Each row has an instance of its own, or one that is as new, and each window one for all its rows, in the
//! order of the log.
//! So what it gives depends on that row or that window alone, and state is what an open window has: its
//! rows, which are in checkpoints.

#[cfg(feature = "wasm")]
mod calls;
pub mod check;
#[cfg(feature = "wasm")]
mod host;
#[cfg(feature = "wasm")]
mod instance;
#[cfg(feature = "wasm")]
mod log;
#[cfg(feature = "wasm")]
mod shape;
#[cfg(feature = "wasm")]
mod with;
#[cfg(not(feature = "wasm"))]
#[path = "without.rs"]
mod with;

pub use with::RowOperator;
