//! A deterministic simulation of a whole job: producers, queue, slots, committers, sinks, retention
//! and clocks in one thread, driven by one seed.
//!
//! ```text
//!   seed ─► history = setup + list of actions ─► world ─► trace (hashed), and the proof at its end
//! ```
//!
//! Every step and every fault is an action of its own, so a failing history is shortened by leaving
//! out actions, and the rest is printed as a list to read or to keep as a test. Faults come through
//! the seams that the product has: source, committer, store, sink, clock. Slots have no effects
//! between two calls of a seam, so deaths at seams cover deaths anywhere.
//!
//! ```text
//! SIMULATION_HISTORIES=100000 cargo test -p seismic-pipeline --test simulation   as many, from seed
//! SIMULATION_FROM=7000000                                                         this one on
//! SIMULATION_SEED=4711                                                            one, told in full
//! ```

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a search says how far it is")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests")]

mod action;
mod committer;
#[path = "../counts/mod.rs"]
mod counts;
mod counts_history;
mod ground;
mod idle;
#[path = "../../../tests/faults/trial/line.rs"]
mod line;
#[path = "../engine/oracle/mod.rs"]
#[allow(dead_code, reason = "the engine's own tests use all of it")]
mod oracle;
mod process;
mod producers;
mod proof;
mod random;
mod readers;
mod regressions;
mod search;
mod source;
mod world;
