//! One key on one side: its clock, and its rows that wait.

use std::collections::BTreeMap;

use crate::clock::Clock;
use crate::limits;

/// Where a record was in the log of its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowPosition {
    /// Offset of its message.
    pub offset: u64,
    /// Its number in the message.
    pub index: u32,
}

impl RowPosition {
    pub const FIRST: RowPosition = RowPosition { offset: 0, index: 0 };
    pub const LAST: RowPosition = RowPosition { offset: u64::MAX, index: u32::MAX };
}

/// A row that waits for others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When its message was appended, ms since 1970 UTC.
    pub append_ms: i64,
    /// Whether it has found one.
    pub is_joined: bool,
    /// Its cells, see [`cells`](crate::cells).
    pub cells: Box<[u8]>,
}

impl Waiting {
    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.cells.len() as u64 + limits::JOIN_ROW_BYTES
    }
}

/// One key on one side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySide {
    /// Its clock there.
    pub clock: Clock,
    /// Its rows that wait, by event time and place.
    pub rows: BTreeMap<(i64, RowPosition), Waiting>,
}
