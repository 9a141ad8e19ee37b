//! Log levels that can be changed while the process runs.

use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

type Set = Box<dyn Fn(EnvFilter) -> Result<(), String> + Send + Sync>;

static SET: OnceLock<Set> = OnceLock::new();

/// Remembers how the filter is replaced.
pub(super) fn remember(set: impl Fn(EnvFilter) -> Result<(), String> + Send + Sync + 'static) {
    let _ = SET.set(Box::new(set));
}

/// Whether `filter` is one.
///
/// # Errors
/// Why it is none.
pub fn check(filter: &str) -> Result<(), String> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| format!("{filter:?}: {error}"))
}

/// Logs what `filter` lets through, written as in `RUST_LOG`, from now on.
///
/// # Errors
/// When that is no filter.
pub fn set(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("{filter:?}: {error}"))?;
    match SET.get() {
        Some(set) => set(filter),
        None => Err("this process does not log".to_owned()),
    }
}
