//! A job that several workers share, as one of its slots sees it.

use std::sync::atomic::AtomicUsize;

use seismic_queue::Offset;

use crate::Result;

/// What a slot must know of partitions that other workers may have.
pub struct SharedJob<'a> {
    /// Ends of all partitions when this worker began.
    pub targets: Vec<Offset>,
    /// Committed position of every partition.
    pub positions: &'a (dyn Fn() -> Result<Vec<Option<Offset>>> + Sync),
    /// Slots of this worker that the group has not told yet what is theirs. While there are any, none
    /// ends: the group would wait for one that has a name until its session is over.
    pub unplaced: AtomicUsize,
}
