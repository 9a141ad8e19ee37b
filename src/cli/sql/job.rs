//! The job whose results a statement reads, opened when something of it is read.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_queue::{JobStore, View};

use crate::job::location::Location;

/// A job that may not have been opened yet.
pub(super) struct Job {
    pub location: Location,
    opened: Mutex<Option<Arc<Opened>>>,
}

/// Its store, as one commit left it.
pub(super) struct Opened {
    pub store: Box<dyn JobStore>,
    pub view: View,
}

impl Job {
    pub(super) fn new(location: Location) -> Self {
        Job { location, opened: Mutex::default() }
    }

    /// The same in every call.
    pub(super) fn open(&self) -> anyhow::Result<Arc<Opened>> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = &*opened {
            return Ok(Arc::clone(opened));
        }
        let store = self.location.open_store()?;
        let view = store.view()?;
        Ok(Arc::clone(opened.insert(Arc::new(Opened { store, view }))))
    }
}
