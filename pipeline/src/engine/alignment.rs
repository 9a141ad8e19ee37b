//! How the partitions of a job are read in step with each other.

/// The event time of a message, ms since 1970 UTC, if it says one.
pub type EventTimeOf = fn(&[u8]) -> Option<i64>;

/// How far one partition may be read ahead of the slowest.
///
/// A job that asks for this is read by one slot, and rows of its keyed outputs stand in the order
/// in which they were read, over all of its partitions.
#[derive(Clone, Copy, Debug)]
pub struct Alignment {
    /// The bound, ms of event time.
    pub bound_ms: i64,
    /// The bound whatever event times say, ms of append time.
    pub append_bound_ms: i64,
    /// The event time of a message, ms since 1970 UTC, if it says one; `None`: append times stand
    /// for it.
    pub event_time: Option<EventTimeOf>,
}
