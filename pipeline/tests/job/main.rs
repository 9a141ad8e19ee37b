//! A whole job on the in-memory queue and store: commits, faults at every step of one, restarts,
//! bounded runs, idle closes, and the proof, which finds planted faults.

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a test says what it measured")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod bounds;
mod checkpoints;
#[path = "../counts/mod.rs"]
mod counts;
mod faults;
mod faulty;
mod fork;
mod health;
mod idle;
mod loss;
mod lost;
mod repartition;
mod rescale;
mod rewind;
mod second_kind;
mod slots;
mod sourced;
mod spread;
mod stage;
mod start;
mod verify;
mod verify_late;
