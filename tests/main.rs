//! The program as a user meets it: every test starts the real binary in a folder of its own, and
//! looks only at what a user can see: exit codes, stdout, stderr and files.
//!
//! One target, because each further one would link SQLite again. Kills here are real `kill -9` at
//! random times and deaths at named points of a commit, a start or a sink; `faults/` has one file for
//! each family of them.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "tests that skip say so")]
#![allow(clippy::unwrap_used, reason = "tests may")]

mod findings;
mod lines;
mod stage;
mod truth;

mod backup;
mod bench;
mod browser;
mod busy;
mod checkpoint;
mod cleaning;
mod clock_jumps;
mod counts;
mod demo;
mod doctor;
mod documents;
mod durable;
mod endings;
mod exit_codes;
mod faults;
mod generate;
mod group;
mod http;
mod import;
mod job_file;
mod jobs;
mod kafka;
mod look;
mod loss;
mod old_stores;
mod origin;
#[cfg(feature = "postgres")]
mod postgres;
mod read;
#[cfg(feature = "redis")]
mod redis;
mod rejecting;
mod repartition;
#[cfg(feature = "rocketmq")]
mod rocketmq;
mod rollup;
mod run;
mod second_kind;
#[path = "../pipeline/tests/counts/mod.rs"]
mod second_kind_operator;
mod serve;
mod signals;
mod sink;
mod small_sinks;
