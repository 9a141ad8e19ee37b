//! Whether idle closes were correct, judged by true times.
//!
//! `verify` judges by append times, which is all that a store has. Here the true times are known:
//! of every append, and of every question that a slot asked for the log's end.

use std::time::Duration;

use seismic_queue::Offset;

use crate::ground::Known;

/// Longest silence between two questions that leaves what was noted before them valid.
const ASKED_AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// A partition as its source saw it, over all runs.
#[derive(Default)]
pub struct Asked {
    /// Delivered up to here.
    position: Offset,
    /// Below it, delivered messages are only replayed.
    replayed_until: Offset,
    /// Questions without anything between them that makes the earlier ones worthless.
    spells: Vec<Vec<Answer>>,
}

/// The log's end was asked for and given.
struct Answer {
    at: Duration,
    /// Delivered up to here then.
    position: Offset,
    end: Offset,
}

impl Asked {
    pub fn started(&mut self, position: Offset, committed: Offset) {
        (self.position, self.replayed_until) = (position, committed);
        self.failed();
    }

    pub fn delivered(&mut self, next: Offset) {
        self.position = next;
    }

    /// A question or a poll failed: nothing that was noted before may close anything.
    pub fn failed(&mut self) {
        self.spells.push(Vec::new());
    }

    pub fn answered(&mut self, at: Duration, end: Offset) {
        let position = self.position;
        let spell = self.spells.last();
        let last = spell.and_then(|spell| spell.last()).map_or(at, |answer| answer.at);
        if position < self.replayed_until || at - last > ASKED_AT_LEAST_EVERY {
            self.failed();
        }
        if let Some(spell) = self.spells.last_mut().filter(|_| position >= self.replayed_until) {
            spell.push(Answer { at, position, end });
        }
    }

    /// Whether the slot could know, when it had processed everything before `at`, that sensors
    /// without a record since `below` were silent for `timeout`: it held `below`, and so much
    /// later the log still ended before `at`.
    fn allows(&self, at: Offset, below: Offset, timeout: Duration) -> bool {
        self.spells.iter().any(|spell| {
            let held = spell.iter().find(|answer| answer.position >= below);
            let closed = spell.iter().rposition(|answer| answer.position == at);
            let Some((held, closed)) = held.zip(closed) else { return false };
            let is_later = |answer: &Answer| answer.end <= at && answer.at >= held.at + timeout;
            spell[..=closed].iter().any(is_later)
        })
    }
}

/// What is wrong with an idle close at `at` of sensors silent since `below`.
pub fn fault(known: &Known, at: Offset, below: Offset, timeout: Duration) -> Option<String> {
    let close = format!("idle close at {at} below {below} after {timeout:?}");
    let appended = |offset: u64| known.log.get(offset as usize).map(|sent| sent.at);
    if let (Some(before), Some(next)) = (below.0.checked_sub(1).and_then(appended), appended(at.0))
        && next - before < timeout
    {
        return Some(format!("{close}: but the messages around it came in {:?}", next - before));
    }
    let is_known = known.asked.allows(at, below, timeout);
    (!is_known).then(|| format!("{close}: but nobody could know that by then"))
}
