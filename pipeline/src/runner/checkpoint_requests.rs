//! Requests for named checkpoints, on their way from the store to the slots of a running job.
//!
//! The housekeeping thread reads them from the store. Each slot sees them in its next turn, and each
//! of its partitions takes a snapshot at once; the commit of the manifest carries the answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use seismic_queue::{Asked, JobStore};

/// The open requests, as they were read last.
#[derive(Debug, Default)]
pub struct CheckpointRequests {
    /// Almost always `false`: then a slot does not take the lock.
    is_any: AtomicBool,
    asked: Mutex<Vec<Asked>>,
}

impl CheckpointRequests {
    /// Reads the open requests from the store.
    ///
    /// # Errors
    /// When it fails; what was found before stays.
    pub fn refresh(&self, store: &dyn JobStore) -> seismic_queue::Result<()> {
        let found = store.asked()?;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_any.store(!found.is_empty(), Ordering::Relaxed);
        *asked = found;
        Ok(())
    }

    /// The open requests.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        if !self.is_any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
