//! Whether idle closes were correct: whether the sensors really were silent for the timeout, judged
//! by the append times of the messages around them.
//!
//! A close at position `at` of everything below `below` claims that nothing was appended for the
//! timeout before `at`. So the message at `at` must have been appended at least the timeout after
//! the message before `below`, minus the interval at which the job queries the log. If there is no
//! message at `at` yet, or append times decrease, the close is unproved.

use std::collections::BTreeMap;

use seismic_queue::{Message, Offset};

use super::difference_reporter::DifferenceReporter;
use crate::engine::journal::Entry;

/// How far a job's questions for the log's end may be apart, ms.
const SPACING_MS: i64 = 500;

/// The idle closes of a partition and the append times that judge them.
pub(super) struct IdleCloses {
    /// (at, below, timeout in ms)
    closes: Vec<(Offset, Offset, i64)>,
    /// Append times wanted, and known once their message was seen with a stamp that can be used.
    stamps: BTreeMap<Offset, Option<i64>>,
    newest_ms: i64,
}

impl IdleCloses {
    /// Those among the entries; of one input, those whose messages lie from `from` on can be
    /// judged. The position of an entry says no offset where there are several inputs.
    pub fn of<'a>(
        entries: impl Iterator<Item = (Offset, &'a Entry)>,
        from: Option<Offset>,
    ) -> Self {
        let mut closes = Vec::new();
        let mut stamps = BTreeMap::new();
        for (at, entry) in entries {
            if let Entry::Idle { below, idle_timeout_ms, .. } = entry {
                closes.push((at, *below, *idle_timeout_ms));
                if let Some(from) = from {
                    let before = before(*below).filter(|before| *before >= from);
                    stamps.extend([Some(at), before].into_iter().flatten().map(|at| (at, None)));
                }
            }
        }
        IdleCloses { closes, stamps, newest_ms: i64::MIN }
    }

    /// Looks at the next message of the log.
    #[inline]
    pub fn see(&mut self, message: Message<'_>) {
        let is_usable = message.append_ms >= self.newest_ms;
        self.newest_ms = self.newest_ms.max(message.append_ms);
        if !self.stamps.is_empty()
            && is_usable
            && let Some(stamp) = self.stamps.get_mut(&message.offset)
        {
            *stamp = Some(message.append_ms);
        }
    }

    /// Judges all; how many were proved, and how many could not be.
    pub fn judge(self, reporter: &mut DifferenceReporter<'_>) -> (u64, u64) {
        let (mut proved, mut unproved) = (0, 0);
        for (at, below, timeout_ms) in self.closes {
            let stamp = |offset| self.stamps.get(&offset).copied().flatten();
            let Some((then, now)) = before(below).and_then(stamp).zip(stamp(at)) else {
                unproved += 1;
                continue;
            };
            if now - then >= timeout_ms - SPACING_MS {
                proved += 1;
            } else {
                reporter.idle(at, below, timeout_ms, now - then);
            }
        }
        (proved, unproved)
    }
}

fn before(offset: Offset) -> Option<Offset> {
    offset.0.checked_sub(1).map(Offset)
}

#[cfg(test)]
mod tests {
    use seismic_queue::Partition;

    use super::*;
    use crate::verify::Report;

    /// What is made of a close at `at` of what lies below `below`, after a timeout of 2 s, in a log
    /// with these append times: (proved, unproved, dishonest).
    fn judged(append_ms: &[i64], at: u64, below: u64) -> (u64, u64, u64) {
        let entry = Entry::Idle { input: 0, below: Offset(below), idle_timeout_ms: 2_000 };
        let mut closes = IdleCloses::of([(Offset(at), &entry)].into_iter(), Some(Offset(0)));
        for (offset, &append_ms) in (0..).map(Offset).zip(append_ms) {
            closes.see(Message { offset, append_ms, key: b"", value: b"" });
        }
        let mut report = Report::default();
        let (proved, unproved) =
            closes.judge(&mut DifferenceReporter::new(Partition(0), &mut report));
        (proved, unproved, report.total)
    }

    #[test]
    fn silence_lasts_from_the_last_message_below_to_the_one_at_the_close() {
        assert_eq!(judged(&[0, 1_000, 2_500], 2, 1), (1, 0, 0));
        assert_eq!(judged(&[0, 1_000, 2_500], 2, 2), (1, 0, 0), "the timeout less 500 ms");
        assert_eq!(judged(&[0, 1_001, 2_500], 2, 2), (0, 0, 1), "a millisecond less");
    }

    #[test]
    fn what_append_times_do_not_tell_is_unproved() {
        assert_eq!(judged(&[0, 1_000], 2, 2), (0, 1, 0), "no message came yet");
        assert_eq!(judged(&[5_000, 1_000, 9_000], 2, 2), (0, 1, 0), "a stamp that went back");
    }
}
