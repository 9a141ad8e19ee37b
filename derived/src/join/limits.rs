//! How much of a join may wait. Results do not depend on it: that a side is held is journaled.

use crate::limits;

/// How much of one side and partition may wait before that side is held. At twice as much the job
/// stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinLimits {
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Default for JoinLimits {
    fn default() -> Self {
        JoinLimits { rows: limits::JOIN_ROWS, bytes: limits::JOIN_BYTES }
    }
}
