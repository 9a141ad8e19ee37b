//! The table of positions as it is read: one row for each partition of the result topic, with the
//! store, the next row, and the fingerprint of the last one.

use seismic_queue::{Fingerprint, Offset};

use crate::position::stored::{Position, StoredPosition};
use crate::{Error, Result};

/// One row of the table, as it is there: someone else may have written it.
pub(super) struct PositionRow {
    pub(super) part: Option<i64>,
    pub(super) store: Option<String>,
    pub(super) topic: Option<String>,
    pub(super) next: Option<i64>,
    /// Offset, append time and checksum of the last row.
    pub(super) last: [Option<i64>; 3],
}

/// The position of a sink from its rows in order of partitions; `None` where there are none.
pub(super) fn assemble(
    place: &str,
    rows: impl IntoIterator<Item = PositionRow>,
) -> Result<Option<StoredPosition>> {
    let damaged = || Error::PositionDamaged { place: place.to_owned() };
    let offset = |value: i64| u64::try_from(value).map(Offset).map_err(|_| damaged());
    let mut stored: Option<StoredPosition> = None;
    for row in rows {
        let last = match row.last {
            [Some(at), Some(append_ms), Some(crc)] => {
                let crc = u32::try_from(crc).map_err(|_| damaged())?;
                Some(Fingerprint { offset: offset(at)?, append_ms, crc })
            }
            _ => None,
        };
        let (Some(store), Some(topic)) = (row.store, row.topic) else { return Err(damaged()) };
        let known = stored.get_or_insert_with(|| StoredPosition {
            store: store.clone(),
            topic: topic.clone(),
            positions: Vec::new(),
        });
        let number = row.part.and_then(|part| usize::try_from(part).ok());
        if number != Some(known.positions.len()) || known.store != store || known.topic != topic {
            return Err(damaged());
        }
        known.positions.push(Position { next: offset(row.next.ok_or_else(damaged)?)?, last });
    }
    Ok(stored)
}

/// Offsets are below 2^63 in every queue.
pub(super) fn number(place: &str, offset: u64) -> Result<i64> {
    i64::try_from(offset).map_err(|_| Error::PositionDamaged { place: place.to_owned() })
}
