//! The note beside a position, with the kind of the job that wrote it.
//!
//! The content of a note is up to its kind. A note of windows, the first kind, is stored without a
//! wrapper, as it always was. A note of any other kind is wrapped in a message that names the kind
//! and uses field numbers that no note of windows has. For a job with several inputs, the wrapper
//! also has the last message of each input.

use seismic_proto::{Message, state};
use seismic_queue::{Fingerprint, Offset, View};

use crate::engine::journal::{EntryError, FIRST_KIND};
use crate::engine::operator::{Operator, OperatorKind};

/// Writes the note of an operator into `into`, which is cleared first. `delivered` has the last
/// message of each input where there are several; the only one is in the operator's note.
pub(crate) fn write(
    kind: &str,
    operator: &dyn Operator,
    delivered: &[Option<Fingerprint>],
    into: &mut Vec<u8>,
) {
    operator.write_note(into);
    if kind != FIRST_KIND {
        let of = |(input, last): (u32, &Option<Fingerprint>)| {
            let Fingerprint { offset, append_ms, crc } = (*last)?;
            let message = Some(state::Delivered { offset: offset.0, append_ms, crc });
            Some(state::DeliveredOf { input, message })
        };
        let delivered = (0..).zip(delivered).filter_map(of).collect();
        let note = state::KindNote { kind: kind.to_owned(), note: std::mem::take(into), delivered };
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

/// The last message of each of that many inputs that had its effect, as far as the note says.
///
/// # Errors
/// As [`note_of`].
pub(crate) fn delivered_of(
    kind: &dyn OperatorKind,
    stored: &[u8],
    inputs: usize,
) -> Result<Vec<Option<Fingerprint>>, EntryError> {
    let note = note_of(kind, stored)?;
    if inputs == 1 {
        return Ok(vec![kind.delivered_of_note(&note)?]);
    }
    let mut all = vec![None; inputs];
    for state::DeliveredOf { input, message } in state::KindNote::decode(stored)?.delivered {
        let last = all.get_mut(input as usize).zip(message);
        let Some((last, message)) = last else {
            return Err(EntryError::Damaged(format!("it is of an input {input}, of {inputs}")));
        };
        let state::Delivered { offset, append_ms, crc } = message;
        *last = Some(Fingerprint { offset: Offset(offset), append_ms, crc });
    }
    Ok(all)
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
