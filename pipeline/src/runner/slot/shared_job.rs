//! A job that several workers share, as one of its slots sees it.

use std::sync::atomic::{AtomicBool, AtomicUsize};

use seismic_queue::Offset;

use crate::Result;

/// What a slot must know of partitions that other workers may have.
pub struct SharedJob<'a> {
    /// Ends of all partitions of each input when this worker began.
    pub targets: Vec<Vec<Offset>>,
    /// Committed position of every partition in each input, one input after the other.
    pub positions: &'a (dyn Fn() -> Result<Vec<Option<Offset>>> + Sync),
    /// Slots of this worker that have no assignment from the group yet. No slot ends while there
    /// are any: the group would wait for a static member until its session expires.
    pub unplaced: AtomicUsize,
    /// A slot of this worker has seen that all is done. Then all end at once: one that leaves the
    /// group first would have it move partitions that no one reads any more.
    pub is_done: AtomicBool,
}
