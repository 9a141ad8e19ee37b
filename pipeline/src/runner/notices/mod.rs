//! What a running job tells a person of its input: sensors spread over partitions, records that are
//! rejected, and clocks that step. Nothing here changes results.

pub(crate) mod loss_watch;
pub(crate) mod losses;
pub(crate) mod notice;
pub(crate) mod spread_watch;
pub(crate) mod step_watch;
