//! The program as a user meets it: every test starts the real binary in a folder of its own, and
//! looks only at what a user can see: exit codes, stdout, stderr and files.
//!
//! One target, because each further one would link SQLite again. Kills here are real `kill -9` at
//! random times and deaths at named points of a commit, a start or a sink; `faults/` has one file
//! for each family of them.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests that skip say so")]
#![allow(clippy::unwrap_used, reason = "tests may")]

mod findings;
mod lines;
mod manager;
mod stage;
mod truth;

mod browser;
mod commands;
mod documents;
mod faults;
mod http;
mod job;
mod kafka;
mod resources;
#[cfg(feature = "rocketmq")]
mod rocketmq;
#[path = "../pipeline/tests/counts/mod.rs"]
mod second_kind_operator;
mod serve;
mod sinks;
mod tables;
