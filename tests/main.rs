//! The program as a user meets it: every test starts the real binary in a folder of its own, and
//! looks only at what a user can see: exit codes, stdout, stderr and files.
//!
//! One target, because each further one would link SQLite again. Kills here are real `kill -9` at
//! random times; kills at named points of a commit or a sink are tested in process, where those
//! points are: in `queue/tests`, `sinks/tests` and `pipeline/tests`.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod stage;
mod truth;

mod busy;
mod counts;
mod demo;
mod durable;
mod exit_codes;
mod generate;
mod import;
mod kill;
mod look;
mod read;
mod run;
mod stop;
