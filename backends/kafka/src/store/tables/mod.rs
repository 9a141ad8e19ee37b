//! Versions of tables that jobs look things up in: topic [`record::TOPIC`], compacted, of all groups.
//!
//! ```text
//!  partition 0, the directory            GROUP/version/COPY ─► table, hash, bytes, chunks, …
//!                                        GROUP/note/TABLE   ─► the note that `status` shows
//!  partition 1, contents in pieces       GROUP/COPY/INDEX   ─► up to 512 KiB
//! ```
//!
//! Workers that share a job read its tables each for itself, so a version is *staged* first, in the
//! memory of whoever read it (`staged.rs`), and written by the next commit there, in its transaction
//! (`committer/tables.rs`). A commit that names a version in its journal comes after that or is the
//! same, so whatever is committed has its versions, and one that nobody used is nowhere.
//!
//! Each writing is a *copy* with an id of its own. A worker forgets copies that it has listed, and
//! looks only then what names versions, so one that is written meanwhile is another copy and stays.
//! A worker may name a version that it wrote long ago in a further partition: it writes what it has
//! in force again after [`limits::TABLE_REWRITE`], and no copy is forgotten before
//! [`limits::TABLE_YOUNG`], so there is always one that lasts.

pub(crate) mod index;
pub(crate) mod record;
pub(crate) mod staged;
pub(crate) mod topic;

use std::sync::PoisonError;
use std::thread;
use std::time::Instant;

use self::record::DIRECTORY;
use self::topic::TableTopic;
use super::KafkaStore;
use crate::limits;
use seismic_queue::backend::validate;
use seismic_queue::{JobStore, Kind, Result, TableVersion, TableVersions, clock};

impl KafkaStore {
    fn table_topic(&self) -> TableTopic<'_> {
        TableTopic { cluster: &self.cluster, group: &self.group }
    }

    /// Asks what is known of tables, after a look at what was written since.
    fn tables_now<T>(
        &self,
        is_patient: bool,
        ask: impl FnOnce(&index::SeenTables) -> T,
    ) -> Result<T> {
        let mut seen = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = if is_patient { limits::SETTLE_WAIT } else { limits::END_WAIT };
        let is_whole = self.table_topic().catch_up(&mut seen, wait)?;
        if is_patient && !is_whole {
            return Err(self.table_topic().busy());
        }
        Ok(ask(&seen))
    }

    /// The content of a version that a commit has written.
    fn written_table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>> {
        self.context()?;
        let copies = self.tables_now(true, |seen| seen.copies_of(table, hash))?;
        for copy in copies.iter().rev() {
            if let Some(content) = self.table_topic().content(copy)? {
                return Ok(Some(content));
            }
        }
        Ok(None)
    }

    /// Takes out what the group has there.
    pub(super) fn forget_all_tables(&self) -> Result<()> {
        let (copies, notes) = self.tables_now(true, |seen| (seen.copies.clone(), seen.notes()))?;
        self.table_topic().take_out(&copies, &notes)
    }
}

impl TableVersions for KafkaStore {
    fn put_table(&self, table: &str, hash: &str, content: &[u8]) -> Result<()> {
        validate::table(&self.name(), table, content)?;
        self.context()?;
        // Not in a commit, which has no time for that.
        self.table_topic().create()?;
        self.staged.put(table, hash, content);
        Ok(())
    }

    fn table(&self, table: &str, hash: &str) -> Result<Option<Vec<u8>>> {
        if let Some(content) = self.staged.content(table, hash) {
            return Ok(Some(content.to_vec()));
        }
        let begun = Instant::now();
        loop {
            match self.written_table(table, hash) {
                // Whoever restores a partition takes an error of the store for a lost version.
                Err(error) if error.kind() == Kind::Retry && begun.elapsed() < limits::PATIENCE => {
                    thread::sleep(seismic_queue::limits::NAP);
                }
                found => return found,
            }
        }
    }

    fn tables(&self) -> Result<Vec<TableVersion>> {
        self.context()?;
        let now_ms = clock::now_ms();
        self.tables_now(true, |seen| seen.copies.iter().map(|it| it.listed(now_ms)).collect())
    }

    fn forget_table(&self, version: &TableVersion) -> Result<()> {
        self.context()?;
        let copy = self.tables_now(true, |seen| seen.copy(&version.copy).cloned())?;
        self.table_topic().take_out(copy.as_slice(), &[])
    }

    /// Readings that nothing came of are noted as well, so it is not part of a commit.
    fn put_table_note(&self, table: &str, note: &[u8]) -> Result<()> {
        validate::table(&self.name(), table, note)?;
        self.context()?;
        self.table_topic().create()?;
        let key = record::note_key(&self.group, table);
        self.table_topic().append(&[(DIRECTORY, key, Some(note))])
    }

    /// For people: where a transaction of a worker that is gone is in the way, what is before that.
    fn table_note(&self, table: &str) -> Result<Option<Vec<u8>>> {
        self.context()?;
        self.tables_now(false, |seen| seen.note(table).map(<[u8]>::to_vec))
    }
}
