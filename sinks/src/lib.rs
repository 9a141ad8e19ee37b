//! Sinks show committed windows. Each is a reader of the result topic with a position of its own,
//! so a slow one never stalls the job and one that was down catches up.
//!
//! ```text
//!  store: result topic ──Batch──► Relay ──write, sync──► Sink   console │ csv │ rocketmq │ …
//!                                  │
//!                                  └─ note_sink: retention waits for what is not shown yet
//! ```
//!
//! [`Sink`] is the seam, [`Relay`] the one loop around it. A new sink is one file, one line in the
//! list in `spec.rs`, and the conformance suite. Starting threads and choosing sinks is the
//! caller's business.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod console;
pub mod csv;
mod error;
pub mod failpoints;
pub mod limits;
#[cfg(feature = "rocketmq")]
pub mod rocketmq;
mod rows;
mod runner;
mod sink;
mod spec;
mod stop;

pub use error::{Error, Result};
pub use runner::Relay;
pub use sink::Sink;
pub use spec::{Context, Entry, Spec, open};
pub use stop::Finish;
