//! Alarms about jobs: one for each occurrence, and one for its end.
//!
//! ```text
//!  a look at a job, each second ─► conditions ─► keeper ─► raised, recovered ─► courier ─► targets
//!  rows of topics, clocks ─► follower ─► rows, sensors ─┘   pure         a thread, stored
//!                            a thread    pure
//! ```
//!
//! Nothing here waits for a target: alarms are stored first, and a thread delivers them with
//! retries and growing pauses, until they have arrived or are given up and shown as such.

pub mod conditions;
pub mod courier;
mod followed;
pub mod follower;
pub mod keeper;
pub mod kind;
pub mod message;
pub mod rows;
pub mod sensors;
mod tables;
mod topic_findings;
mod trouble;
mod wanted;
pub mod watch;
pub mod webhook_hosts;
