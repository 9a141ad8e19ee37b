//! Alarms: what is wrong with jobs, told once for each occurrence, with its end.
//!
//! ```text
//!  a look at a job, each second ─► conditions ─► keeper ─► raised, recovered ─► courier ─► targets
//!  rows of topics, clocks ─► follower ─► rows, sensors ─┘   pure         a thread, stored
//!                            a thread    pure
//! ```
//!
//! Nothing here waits for a target: what is to be delivered is stored first, and a thread delivers
//! it, again and again with growing pauses, until it has arrived or is given up and shown as such.

pub mod conditions;
pub mod courier;
mod followed;
pub mod follower;
mod found;
pub mod keeper;
pub mod kind;
pub mod message;
pub mod rows;
pub mod sensors;
mod trouble;
mod wanted;
pub mod watch;
