//! The note beside a position, with the kind of the job that wrote it.
//!
//! A note is what its kind writes. That of windows, the first kind, stands bare, as it always did;
//! that of any other stands in a message that names the kind, whose fields no note of windows has.

use seismic_proto::{Message, state};
use seismic_queue::View;

use crate::engine::journal::{EntryError, FIRST_KIND};
use crate::engine::operator::{Operator, OperatorKind};

/// Writes the note of an operator into `into`, which is cleared first.
pub(crate) fn write(kind: &str, operator: &dyn Operator, into: &mut Vec<u8>) {
    operator.write_note(into);
    if kind != FIRST_KIND {
        let note = state::KindNote { kind: kind.to_owned(), note: std::mem::take(into) };
        note.encode(into).expect("a Vec grows");
    }
}

/// What the kind has written into the note beside a position.
///
/// # Errors
/// [`EntryError::OtherKind`] when that was another one.
pub fn note_of(kind: &dyn OperatorKind, stored: &[u8]) -> Result<Vec<u8>, EntryError> {
    let (found, note) = parts(stored)?;
    if found == kind.name() {
        return Ok(note);
    }
    Err(EntryError::OtherKind { found, expected: kind.name() })
}

/// The kind of the job that a store belongs to: windows, when it has not begun.
///
/// # Errors
/// [`EntryError`] for a note that no kind wrote.
pub fn kind_of(view: &View) -> Result<String, EntryError> {
    let mut begun = view.partitions.iter().filter_map(|part| part.progress.as_ref());
    Ok(match begun.next() {
        Some(progress) => parts(&progress.note)?.0,
        None => FIRST_KIND.to_owned(),
    })
}

fn parts(stored: &[u8]) -> Result<(String, Vec<u8>), EntryError> {
    let found = state::KindNote::decode(stored)?;
    if found.kind.is_empty() {
        return Ok((FIRST_KIND.to_owned(), stored.to_vec()));
    }
    Ok((found.kind, found.note))
}
