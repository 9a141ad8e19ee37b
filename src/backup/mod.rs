//! Backups of an embedded job while it runs: CSV folders, store and queue, each as a consistent
//! snapshot, in this order.
//!
//! ```text
//!   CSV mark ──► CSV files ──► store ──► store of the first step, if any ──► queue ──► manifest
//! ```
//!
//! What is copied first is never ahead of what is copied later: committed rows of a folder are in
//! the store, and messages that the store has processed are in the queue. The manifest comes last,
//! with the length and SHA-256 of every file: a folder without one is no backup.

mod csv_folder;
mod make;
pub mod manifest;
mod restore;

pub use make::make;
pub use restore::{check, restore};
