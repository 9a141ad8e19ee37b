//! Failures of a cluster and of its workers.

pub mod held_back;
mod kill_points;
mod moved;
mod outage;
mod poison;
mod refusals;
mod session;
mod silence;
mod trim;
mod widen;
mod wire;
mod worker;
