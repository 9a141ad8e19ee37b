//! Brings records into the queue: imports of recorded data, and replays of topics.
//!
//! ```text
//!  files::records  (jsonl, csv) ──────────┐
//!  files::openeew  (merge, component) ────┼─► Batcher (packs, blocks) ─► Appender ─► queue
//!  replay          (timeline, pace) ──────┤
//!  seismic-generator ─────────────────────┘
//! ```
//!
//! Up to the batcher everything is pure: the same input gives the same messages. Only
//! [`files::records::import`], [`files::openeew::import`] and [`replay::replay`] know the clock and
//! the queue. Command lines and progress bars are up to the caller.
//!
//! The crate also serves the load generator, which publishes through the same batcher and appender.

pub mod appender;
pub mod batching;
mod codec;
mod error;
pub mod files;
mod hint;
mod invalid_option;
pub mod limits;
pub mod options;
pub mod producer_name;
pub mod replay;

pub use error::{Error, Result, describe};
pub use hint::Hint;
pub use invalid_option::InvalidOption;
