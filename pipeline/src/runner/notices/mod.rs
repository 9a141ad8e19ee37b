//! Notices of a running job about its input: sensors spread over partitions, rejected records,
//! clock steps, and transactions that hold the input back. Nothing here changes results.

pub(crate) mod hold_watch;
pub(crate) mod loss_watch;
pub(crate) mod losses;
pub(crate) mod notice;
pub(crate) mod spread_watch;
pub(crate) mod step_watch;
