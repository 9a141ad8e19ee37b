//! Requests for named checkpoints, on their way from the store to the slots of a running job.
//!
//! The housekeeping thread reads them from the store. Each slot sees them in its next turn, and
//! each of its partitions takes a snapshot at once. The commit of the manifest answers the request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use seismic_queue::{CheckpointRequest, JobStore};

/// The open requests, as they were read last.
#[derive(Debug, Default)]
pub struct CheckpointRequests {
    /// Almost always `false`: then a slot does not take the lock.
    is_any: AtomicBool,
    open: Mutex<Vec<CheckpointRequest>>,
}

impl CheckpointRequests {
    /// Reads the open requests from the store.
    ///
    /// # Errors
    /// When it fails; what was found before stays.
    pub fn refresh(&self, store: &dyn JobStore) -> seismic_queue::Result<()> {
        let found = store.requests_to_answer()?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_any.store(!found.is_empty(), Ordering::Relaxed);
        *open = found;
        Ok(())
    }

    /// The open requests.
    pub(crate) fn open(&self) -> Vec<CheckpointRequest> {
        if !self.is_any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.open.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
