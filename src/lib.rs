//! The `seismic` program: command line, configuration and commands. The only place that knows
//! every crate.
//!
//! ```text
//!  generator ──► queue ──► pipeline ──► store ──► sinks        one crate each, arrows as data moves
//!                    └──── commands put them together ────┘
//! ```

pub mod backends;
mod backup;
mod bench;
pub mod cli;
mod demo;
pub mod dimension;
mod doctor;
mod error;
pub mod http;
pub mod job;
pub mod logs;
mod remedy;
pub mod serve;
mod sink_value;
pub mod status;
mod time;
mod top;
mod trial;
pub mod watch;

pub use cli::{Cli, start};
