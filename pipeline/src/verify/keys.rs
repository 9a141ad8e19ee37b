//! By what values of a topic are known within their partition.

use compact_str::CompactString;
use seismic_queue::Offset;

/// What a row is known by within its partition: sensor, start and pane.
pub(super) type RowKey = (CompactString, i64, i32);

/// What a dead letter is known by within its partition: offset and index.
pub(super) type DeadLetterKey = (i64, i32);

/// An input offset as rows and dead letters say it.
pub(super) fn input_offset(said: i64) -> Offset {
    Offset(said.max(0) as u64)
}
