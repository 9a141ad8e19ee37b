//! The subject of a proof: a store as of one commit, and the queue that it reads.

use std::sync::atomic::AtomicBool;

use seismic_queue::{JobStore, Queue, View};

use crate::engine::operator::OperatorKind;

/// A job that is proved.
#[derive(Clone, Copy)]
pub(super) struct ProofOf<'a> {
    pub queue: &'a dyn Queue,
    pub store: &'a dyn JobStore,
    pub kind: &'a dyn OperatorKind,
    pub view: &'a View,
    /// Set: a proof does not wait for a queue that cannot be reached.
    pub stop: &'a AtomicBool,
}
