//! Elastic scaling: how many workers and slots a job should have.
//!
//! ```text
//!  reports of workers ──Collector──► Sample ──decide──► Decision ──► whoever acts
//!                                      │        ▲  │
//!                                      └─────► State (evidence, capacities, changes)
//! ```
//!
//! [`decide`] is a pure function of a [`State`], the [`Settings`], a time and a [`Sample`]: no clock,
//! no IO, no randomness. It is called once an interval, also when there is no sample. Whoever carries
//! a change out says so with [`State::begin`], stores the state, acts, and goes on deciding: the change
//! counts once samples show it, whatever whoever acted says about it.
//!
//! [`simulate`] runs the same function against a model of a job, a year in seconds.

mod alert;
mod civil;
mod collect;
mod decide;
mod decision;
mod evidence;
pub mod limits;
pub mod lines;
mod policy;
mod sample;
mod schedule;
mod settings;
mod shape;
pub mod simulate;
mod state;

pub use alert::Alert;
pub use collect::{Collector, QueueReport, Report};
pub use decide::decide;
pub use decision::{Cause, Decision, Figures, Reason, Veto};
pub use evidence::Point;
pub use policy::{Policy, Target, Threshold};
pub use sample::{Activity, Sample, WorkerLoad};
pub use schedule::{Floor, Schedule};
pub use settings::Settings;
pub use shape::{Bound, Limits, Shape};
pub use state::State;
