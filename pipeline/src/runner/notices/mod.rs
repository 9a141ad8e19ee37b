//! What a running job tells a person of its input: sensors spread over partitions, records that are
//! rejected, clocks that step, and transactions that hold the input back. Nothing here changes results.

pub(crate) mod hold_watch;
pub(crate) mod loss_watch;
pub(crate) mod losses;
pub(crate) mod notice;
pub(crate) mod spread_watch;
pub(crate) mod step_watch;
