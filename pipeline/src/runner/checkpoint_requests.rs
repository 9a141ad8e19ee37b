//! Checkpoints that a person asks a running job for, on their way from the store to the slots.
//!
//! The keeper looks into the store; every slot sees at its next turn what was found, and each of
//! its partitions takes a snapshot at once. The commit of its manifest carries the answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use seismic_queue::{Asked, JobStore};

/// What is asked for, as it was found last.
#[derive(Debug, Default)]
pub struct CheckpointRequests {
    /// Almost always nothing: a slot asks this and goes on.
    is_any: AtomicBool,
    asked: Mutex<Vec<Asked>>,
}

impl CheckpointRequests {
    /// Looks into the store.
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

    /// What is asked for.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        if !self.is_any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
