//! The contents behind one handle: topics and, in a store, the state of its job.

use super::state::StoreState;
use super::topics::Topics;

/// Everything behind one handle, changed under one lock.
#[derive(Default)]
pub(super) struct Contents {
    pub(super) topics: Topics,
    /// `None` in a queue, and in a store that was never leased.
    pub(super) store: Option<StoreState>,
}
