//! The wall clock for append and commit times.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::failpoints;

/// Now, ms since 1970 UTC; 0 before that.
#[must_use]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX) + failpoints::clock_shift_ms()
}
