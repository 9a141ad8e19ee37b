//! A queue and a store in the memory of this process: for tests, simulations and trying out.
//!
//! The contract is that of every backend, except that everything is lost with the process. Append
//! times come from a clock that the caller may set, so that runs can be repeated exactly. Handles
//! are cheap to clone and share their contents.

mod backend;
mod contents;
mod handle;
mod import_log;
mod lease;
mod log;
mod names;
mod partition;
mod producer;
mod queue;
mod reader;
mod state;
mod store;
mod topics;

pub use backend::BACKEND;
pub use queue::Memory;
pub use store::MemoryStore;

#[cfg(test)]
mod tests;
