//! Named places at which a test can make this crate fail or die. They are compiled in only with
//! feature `failpoints`; without it they cost nothing.
//!
//! Actions are those of the [`fail`] crate, set with `fail::cfg` or, once `FailScenario::setup()`
//! was called, by the environment: `FAILPOINTS='commit-after=3*off->return(abort)'`. `return`
//! gives [`Error::Failpoint`], `return(abort)` ends the process as `kill -9` would.

use crate::{Error, Result};

/// Before a commit's transaction begins. `return`: `CommitError::Retry`.
pub const COMMIT_BEFORE: &str = "commit-before";
/// All of a commit is written but not yet committed. `return`: `CommitError::Retry`.
pub const COMMIT_IN_TRANSACTION: &str = "commit-in-transaction";
/// A commit is durable and nobody was told. `return`: `CommitError::Rebuild`.
pub const COMMIT_AFTER: &str = "commit-after";
/// All of an append is written but not yet committed.
pub const APPEND_IN_TRANSACTION: &str = "append-in-transaction";
/// An append is durable and nobody was told.
pub const APPEND_AFTER: &str = "append-after";

/// All of them.
pub const ALL: [&str; 5] =
    [COMMIT_BEFORE, COMMIT_IN_TRANSACTION, COMMIT_AFTER, APPEND_IN_TRANSACTION, APPEND_AFTER];

/// Passes the place `name` on the way to changing what is `at`.
pub(crate) fn pass(at: &str, name: &'static str) -> Result<()> {
    let stop = |how: Option<String>| match how.as_deref() {
        Some("abort") => std::process::abort(),
        _ => Result::<()>::Err(Error::Failpoint { at: at.to_owned(), doing: name }),
    };
    fail::fail_point!(name, stop);
    let _ = stop;
    Ok(())
}
