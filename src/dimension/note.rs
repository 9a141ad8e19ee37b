//! The state of a table, for people: in the store for `status`, in the process for metrics.

use std::sync::{Arc, Mutex, PoisonError};

use seismic_queue::{JobStore, Result};
use serde::{Deserialize, Serialize};

/// What is known of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TableNote {
    /// Its name.
    pub table: String,
    /// Where its rows are read.
    pub source: String,
    /// SHA-256 of the newest version.
    pub version: String,
    /// Rows of that.
    pub rows: u64,
    /// When that was read first, ms since 1970 UTC.
    pub read_ms: i64,
    /// When its source was read last, and had these rows.
    pub checked_ms: i64,
    /// Since when it cannot be read, ms since 1970 UTC; what was read before that is in force.
    pub stale_since_ms: Option<i64>,
    /// Why it cannot be read.
    pub error: Option<String>,
    /// Whether the job waits for it: what was read last is older than it may go on with.
    pub waits: bool,
    /// Readings of this process that failed.
    pub failures: u64,
}

impl TableNote {
    /// As stored.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn store(&self, store: &dyn JobStore) -> Result<()> {
        let note = serde_json::to_vec(self).unwrap_or_default();
        store.put_table_note(&self.table, &note)
    }

    /// What was stored last of a table; `None` for nothing, or what another version of this program
    /// stored.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn stored(store: &dyn JobStore, table: &str) -> Result<Option<TableNote>> {
        let note = store.table_note(table)?;
        Ok(note.and_then(|note| serde_json::from_slice(&note).ok()))
    }
}

/// The notes of all tables of a job in this process.
#[derive(Clone, Debug, Default)]
pub struct TableNotes(Arc<Mutex<Vec<TableNote>>>);

impl TableNotes {
    /// Replaces that of a table.
    pub fn put(&self, note: &TableNote) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.iter_mut().find(|it| it.table == note.table) {
            Some(known) => known.clone_from(note),
            None => all.push(note.clone()),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<TableNote> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
