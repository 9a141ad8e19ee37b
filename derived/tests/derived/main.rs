//! SQL jobs in memory: what they give, what becomes of records that fail, and that everything is
//! there once, whatever fails and however messages are cut.

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(clippy::disallowed_methods, reason = "tests take times")]

mod cuts;
mod definitions;
mod dimensions;
#[path = "../../../pipeline/tests/job/faulty.rs"]
#[allow(dead_code, reason = "tests of other jobs use all of it")]
mod faulty;
#[cfg(feature = "wasm")]
mod functions;
mod job;
mod join;
mod join_oracle;
mod letters;
#[cfg(feature = "wasm")]
mod operators;
mod speed;
mod stage;
mod times;
mod window_oracle;
mod windows;
