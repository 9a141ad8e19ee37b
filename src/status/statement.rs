//! The note of a job with a statement in SQL in the status.

use seismic_derived::{Counts, Definition, Reason, State, StatementKind};
use seismic_pipeline::EntryError;
use seismic_queue::{JobStore, Result as QueueResult, View};

use super::model::counts::RecordCounts;
use super::model::note::{NoteStatus, RulesStatus};
use crate::dimension::note::TableNote;

/// Reads the note.
///
/// # Errors
/// When no such job wrote it.
pub fn note_status(note: &[u8]) -> Result<NoteStatus, EntryError> {
    let stored = State::decode(note).map_err(EntryError::Damaged)?;
    Ok(NoteStatus {
        rules: RulesStatus { hash: stored.definition.hash(), about: about(&stored.definition) },
        counts: counts(&stored.state.counts),
        rollups: Vec::new(),
        sensors: 0,
        open_windows: stored.state.timed.as_ref().map_or(0, |timed| timed.windows),
    })
}

/// What is known of the tables that a job looks things up in.
///
/// # Errors
/// When the store cannot be read.
pub fn tables(store: &dyn JobStore, view: &View) -> QueueResult<Vec<TableNote>> {
    let notes = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    let stored = notes.into_iter().find_map(|progress| StatementKind::stored(&progress.note).ok());
    let Some(stored) = stored else { return Ok(Vec::new()) };
    let note = |name: &String| TableNote::stored(store, name).transpose();
    let dimensions = stored.definition.dimensions.iter();
    dimensions.filter_map(|table| note(&table.name)).collect()
}

/// What a job counts that has not begun.
pub fn no_counts() -> RecordCounts {
    counts(&Counts::default())
}

/// Records that gave rows or were filtered are done, as those of closed windows are.
fn counts(counts: &Counts) -> RecordCounts {
    let of = |reason: Reason| counts.dead.get(&reason).copied().unwrap_or(0);
    let one = |reason: Reason| (reason.name(), of(reason));
    RecordCounts {
        read: counts.read,
        closed: counts.gave + counts.filtered,
        open: counts.waiting,
        late: of(Reason::Late),
        rejected: counts.dead_letters() - of(Reason::Late),
        windows: counts.rows,
        lost_messages: counts.lost_messages,
        by_reason: Reason::ALL.into_iter().map(one).collect(),
    }
}

fn about(definition: &Definition) -> String {
    let sql = definition.shown();
    let shown: String = sql.chars().take(100).collect();
    let more = if shown.len() < sql.len() { " …" } else { "" };
    format!("{shown}{more}")
}
