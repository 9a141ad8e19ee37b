//! Which versions of tables a store still needs: those that a restart or a proof may look things up
//! in. They are kept as long as the checkpoints and the journal that name them.

use std::collections::BTreeSet;

use seismic_pipeline::Entry;
use seismic_queue::{Error, JobStore, Offset, Partition, PartitionView};

use super::entry::TableEntry;
use super::tables::{TableError, Tables};
use crate::kind::StatementKind;
use crate::state::State;

type Needed = BTreeSet<(String, String)>;

impl Tables {
    /// Forgets the versions that nothing names any more, and gives their number.
    ///
    /// # Errors
    /// When the store cannot be read, or what names versions cannot be understood: then all stay.
    pub fn forget_unneeded(&self) -> Result<u64, TableError> {
        let store = self.store();
        let stored = store.tables()?;
        // Before the view: what a commit names that was made since stays as a copy of its own.
        if stored.len() < 2 || stored.iter().all(|version| version.is_young) {
            return Ok(0);
        }
        let view = store.view()?;
        let next = |partition: Partition| {
            let progress = view.partitions.get(partition.0 as usize).map(|part| &part.progress);
            progress.and_then(Option::as_ref).map_or(Offset(0), |progress| progress.next)
        };
        let mut needed: Needed = self.uncommitted(&next).into_iter().collect();
        for (number, part) in (0..).zip(&view.partitions) {
            needed_by(store, (Partition(number), part), &mut needed)?;
        }
        let mut forgotten = 0;
        for (place, version) in stored.iter().enumerate() {
            let id = (version.table.clone(), version.hash.clone());
            let has_newer =
                stored[place + 1..].iter().any(|it| (&it.table, &it.hash) == (&id.0, &id.1));
            if !version.is_young && (has_newer || !needed.contains(&id)) {
                store.forget_table(version)?;
                forgotten += 1;
            }
        }
        Ok(forgotten)
    }
}

/// Adds what the note, the journal and the checkpoints of a partition name.
fn needed_by(
    store: &dyn JobStore,
    (partition, part): (Partition, &PartitionView),
    needed: &mut Needed,
) -> Result<(), TableError> {
    let strange = |what: String| TableError::Rows(what);
    let mut add = |state: State| needed.extend(state.tables);
    if let Some(progress) = &part.progress {
        let noted = StatementKind::stored(&progress.note).map_err(|it| strange(it.to_string()))?;
        add(noted.state);
    }
    // What later ones name is in the journal behind the oldest.
    for info in &part.checkpoints {
        match store.checkpoint(partition, info.manifest.checkpoint) {
            Ok(checkpoint) => {
                add(State::decode(&checkpoint.state).map_err(strange)?.state);
                break;
            }
            // A newer one has taken its place, or nothing can begin with it.
            Err(Error::CheckpointMissing { .. } | Error::Corrupt { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for entry in store.journal(partition, part.journal.clone())? {
        let decoded = Entry::decode(&entry.bytes).map_err(|it| strange(it.to_string()))?;
        if let Entry::Own(bytes) = decoded {
            let TableEntry { table, sha256, .. } = TableEntry::decode(&bytes).map_err(strange)?;
            needed.insert((table, sha256));
        }
    }
    Ok(())
}
