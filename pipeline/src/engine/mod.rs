//! The engine of one partition: a pure function of (log, journal).
//!
//! ```text
//!  message ─► decode ─► clean ─► sensor ─► window ─► rollup ─► output
//!             └─────────────────── windows ───────────────────┘
//! ```
//!
//! Nothing in this folder knows a clock, IO, threads or randomness; `clippy.toml` bans the calls, and
//! no file here is exempt. The same inputs give the same bits: after a crash, in `verify`, on another
//! machine.

pub(crate) mod amplitude_stats;
pub(crate) mod clean;
pub(crate) mod closing;
pub(crate) mod counters;
pub mod decode;
pub(crate) mod idle_sensors;
pub(crate) mod journal;
pub(crate) mod operator;
pub(crate) mod output;
pub(crate) mod redistribute;
pub(crate) mod reject_reason;
pub(crate) mod rollup;
pub(crate) mod rules;
pub(crate) mod sampling_interval;
pub(crate) mod sensor;
pub mod sensor_health;
pub(crate) mod sensor_index;
pub(crate) mod snapshot;
pub(crate) mod window;
pub(crate) mod windows;
pub(crate) mod windows_operator;
