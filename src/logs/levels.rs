//! Which lines are logged: a filter as in `RUST_LOG`, which can be changed while the process runs.

use std::sync::OnceLock;

use tracing_subscriber::filter::{LevelFilter, Targets};

type Set = Box<dyn Fn(Targets) -> Result<(), String> + Send + Sync>;

static SET: OnceLock<Set> = OnceLock::new();

/// Remembers how the filter of this process is replaced.
pub fn remember(set: impl Fn(Targets) -> Result<(), String> + Send + Sync + 'static) {
    let _ = SET.set(Box::new(set));
}

/// The filter that `words` say: levels and `TARGET=LEVEL`, separated by commas, as in
/// `warn,seismic_kafka=debug`. A target of ours may stand alone, and then shows everything.
///
/// # Errors
/// When that is no filter: what, and what one looks like.
pub fn filter(words: &str) -> Result<Targets, String> {
    let why = |error: &str| {
        format!(
            "{words:?} selects no log lines ({error}): write error, warn, info, debug, trace or off, \
             or levels of targets, as in warn,seismic_kafka=debug"
        )
    };
    for word in words.split(',').filter(|word| !word.is_empty()) {
        // The library takes any word that is no level for a target, and so logs nothing for `warning`.
        let is_known = word.contains('=')
            || word.parse::<LevelFilter>().is_ok()
            || word.starts_with("seismic");
        if !is_known {
            return Err(why(&format!("{word:?} is no level")));
        }
    }
    words.parse().map_err(|error: tracing_subscriber::filter::ParseError| why(&error.to_string()))
}

/// What is logged when nobody selects: warnings, what the life of a job is, and what operators log.
#[must_use]
pub fn default() -> Targets {
    let shown = [super::SERVICE, seismic_derived::OPERATOR_LOG];
    let shown = shown.map(|target| (target, LevelFilter::INFO));
    Targets::new().with_default(LevelFilter::WARN).with_targets(shown)
}

/// Logs what the filter `words` lets through, from now on.
///
/// # Errors
/// When that is no filter.
pub fn set(words: &str) -> Result<(), String> {
    let filter = filter(words)?;
    match SET.get() {
        Some(set) => set(filter),
        None => Err("this process does not log".to_owned()),
    }
}

#[cfg(test)]
#[path = "levels/tests.rs"]
mod tests;
