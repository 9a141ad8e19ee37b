//! Windows: a kind of job.
//!
//! ```text
//!  message ─► decode ─► clean ─► sensor ─► window ─► rollup ─► output
//!             └────────────────── engine ───────────────────┘
//! ```

pub(crate) mod amplitude_stats;
pub(crate) mod clean;
pub(crate) mod closing;
pub(crate) mod counters;
pub mod decode;
pub(crate) mod engine;
pub(crate) mod lateness;
pub(crate) mod note;
pub(crate) mod operator;
pub(crate) mod output;
pub(crate) mod phases;
pub(crate) mod readers;
pub(crate) mod redistribute;
pub(crate) mod reject_counts;
pub(crate) mod reject_reason;
pub(crate) mod rollup;
pub(crate) mod rules;
pub mod sensor;
pub(crate) mod snapshot;
pub(crate) mod steps;
pub(crate) mod window;
