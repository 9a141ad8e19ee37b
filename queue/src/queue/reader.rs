//! Reading a topic: readers and their events.

use std::time::Duration;

use crate::{Batch, Offset, Partition, Result};

/// Reads partitions for anyone: verify, `read`, sinks. No group, no ownership.
pub trait Reader: Send {
    /// As [`Source::poll`](crate::Source::poll), with only `Batch`, `CaughtUp` and `Nothing`.
    fn read(&mut self, wait: Duration, spare: &mut Vec<Batch>) -> Result<Event>;
}

/// What a source or reader has to say.
#[derive(Debug)]
pub enum Event {
    /// Messages. Give the batch back as `spare` of a later call.
    Batch(Batch),
    /// A read at this offset found the end of the partition's log.
    CaughtUp(Partition, Offset),
    /// The slot now has these partitions; nothing comes from them before
    /// [`Source::start`](crate::Source::start).
    Assigned(Vec<Partition>),
    /// The slot must give these up: commit, then [`Source::release`](crate::Source::release).
    Revoked(Vec<Partition>),
    /// The slot has lost these already; a commit for them would be refused.
    Lost(Vec<Partition>),
    /// Nothing came within the wait.
    Nothing,
}
