//! The newest lines of this process's log, in memory.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Line;

/// Lines kept: what a person reads to understand the last minutes.
const LINES: usize = 1_000;

/// Characters of a line that are kept: errors quote what others said.
const CHARACTERS: usize = 4_000;

static LINES_KEPT: Mutex<VecDeque<Line>> = Mutex::new(VecDeque::new());

/// Keeps a line.
pub(super) fn keep(mut line: Line) {
    if line.message.chars().count() > CHARACTERS {
        line.message = line.message.chars().take(CHARACTERS).chain("…".chars()).collect();
    }
    let mut kept = lock();
    if kept.len() == LINES {
        kept.pop_front();
    }
    kept.push_back(line);
}

/// The newest lines, oldest first.
#[must_use]
pub fn tail(lines: usize) -> Vec<Line> {
    let kept = lock();
    kept.range(kept.len().saturating_sub(lines)..).cloned().collect()
}

fn lock() -> MutexGuard<'static, VecDeque<Line>> {
    LINES_KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn the_newest_lines_are_there_with_their_values() {
        let subscriber = tracing_subscriber::registry().with(super::super::Lines);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(partition = 3, "an older checkpoint is used");
            tracing::info!("{}", "x".repeat(2 * CHARACTERS));
        });
        // Other tests of this process may log, too.
        let all = tail(LINES);
        let is_it = |line: &&Line| line.text() == "an older checkpoint is used partition=3";
        assert_eq!(all.iter().find(is_it).unwrap().level_name(), "warn");
        assert!(all.iter().all(|line| line.message.chars().count() <= CHARACTERS + 1));
    }
}
