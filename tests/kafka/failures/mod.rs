//! Failures of a cluster and of its workers, and what is left of them.

pub mod held_back;
mod kill_points;
mod outage;
mod poison;
mod refusals;
mod session;
mod silence;
mod trim;
mod widen;
mod wire;
mod worker;
