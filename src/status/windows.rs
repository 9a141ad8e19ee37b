//! The note of a windows job in the status.

use seismic_pipeline::{Counters, EntryError, Note, RejectReason};

use super::model::counts::RecordCounts;
use super::model::note::{NoteStatus, RollupCounts, RulesStatus};

/// Reads the note.
///
/// # Errors
/// When no job that makes windows wrote it.
pub fn note_status(note: &[u8]) -> Result<NoteStatus, EntryError> {
    let Note { rules, counters, sensors, open_windows, .. } = Note::decode(note)?;
    let rollups = counters.rollups.iter().map(|level| RollupCounts {
        rows: level.rows,
        closed: level.closed,
        open: level.open,
    });
    Ok(NoteStatus {
        rules: RulesStatus {
            hash: rules.hash(),
            about: format!(
                "windows of {} ms, lateness {} ms, at most {} ms ahead",
                rules.window_ms, rules.lateness_ms, rules.max_ahead_ms
            ),
        },
        rollups: rollups.collect(),
        counts: counts(&counters),
        sensors,
        open_windows,
    })
}

/// What a job counts that has not begun.
pub fn no_counts() -> RecordCounts {
    counts(&Counters::default())
}

fn counts(counters: &Counters) -> RecordCounts {
    let one = |reason: RejectReason| (reason.name(), counters.dead(reason));
    RecordCounts {
        read: counters.read,
        closed: counters.closed,
        open: counters.open,
        late: counters.late(),
        rejected: counters.rejected(),
        windows: counters.windows,
        lost_messages: counters.lost_messages,
        by_reason: RejectReason::ALL.into_iter().map(one).collect(),
    }
}
