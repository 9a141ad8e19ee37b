//! Named places, the same in every backend, at which a test can make a call fail or the process
//! die. They are compiled in only with feature `failpoints`; without it they cost nothing. A
//! backend has its own ones in a file of the same name.
//!
//! Actions are those of the [`fail`] crate, set with `fail::cfg` or, once `FailScenario::setup()`
//! was called, by the environment: `FAILPOINTS='commit-after=3*off->return(abort)'`. `return` gives
//! [`Error::Failpoint`], `return(busy)` a transient error, `return(abort)` ends the process as
//! `kill -9` would.

use crate::{Error, Result};

/// A store is about to be looked at.
pub const STORE_VIEW: &str = "store-view";
/// Before a commit's transaction begins. `return`: `CommitError::Retry`.
pub const COMMIT_BEFORE: &str = "commit-before";
/// All of a commit is written but not yet committed. `return`: `CommitError::Retry`.
pub const COMMIT_IN_TRANSACTION: &str = "commit-in-transaction";
/// A commit is durable and the caller does not know. `return`: `CommitError::Rebuild`.
pub const COMMIT_AFTER: &str = "commit-after";
/// All of a rewind is written but not yet committed.
pub const REWIND_IN_TRANSACTION: &str = "rewind-in-transaction";
/// A rewind is durable and the caller does not know.
pub const REWIND_AFTER: &str = "rewind-after";
/// All of an append is written but not yet committed.
pub const APPEND_IN_TRANSACTION: &str = "append-in-transaction";
/// An append is durable and the caller does not know.
pub const APPEND_AFTER: &str = "append-after";

/// Places where a process that appends may be killed.
pub const APPENDING: [&str; 2] = [APPEND_IN_TRANSACTION, APPEND_AFTER];

/// Moves the wall clock of this process: `return(3600000)` is an hour ahead, in ms.
pub const WALL_CLOCK: &str = "wall-clock";

/// Passes the place `name` on the way to changing what is `at`.
///
/// # Errors
/// [`Error::Failpoint`], when a test says so.
pub fn pass(at: &str, name: &'static str) -> Result<()> {
    let stop = |how: Option<String>| match how.as_deref() {
        Some("abort") => std::process::abort(),
        Some("busy") => Result::<()>::Err(Error::Busy { at: at.to_owned(), doing: name }),
        _ => Result::<()>::Err(Error::Failpoint { at: at.to_owned(), doing: name }),
    };
    fail::fail_point!(name, stop);
    let _ = stop;
    Ok(())
}

/// How far a test has moved the wall clock, ms.
pub fn clock_shift_ms() -> i64 {
    fail::fail_point!(WALL_CLOCK, |ms| ms.and_then(|ms| ms.parse().ok()).unwrap_or(0));
    0
}
