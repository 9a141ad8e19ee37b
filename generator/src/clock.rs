//! The wall clock. Only the shell (`plan`, `publish`) looks at it.

use std::time::SystemTime;

/// Now, ms since 1970 UTC; 0 before that.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
