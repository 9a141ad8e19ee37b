//! Whether idle closes were honest: whether the sensors really were silent for the timeout, by the
//! append times of the messages around them.
//!
//! A close at position `at` of what lies below `below` says that nothing came for the timeout
//! before `at`. So the message at `at` must have been appended at least the timeout after the
//! message before `below`, less the spacing of the job's questions. Where there is no message at
//! `at` yet, or an append time lies below an earlier one, nothing can be said: it is unproved.

use std::collections::BTreeMap;

use seismic_queue::{Message, Offset};

use super::teller::Teller;
use crate::Entry;

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
    /// Those among the entries whose messages lie from `from` on.
    pub fn of<'a>(entries: impl Iterator<Item = (Offset, &'a Entry)>, from: Offset) -> Self {
        let mut closes = Vec::new();
        let mut stamps = BTreeMap::new();
        for (at, entry) in entries {
            if let Entry::Idle { below, idle_timeout_ms } = entry {
                closes.push((at, *below, *idle_timeout_ms));
                let before = before(*below).filter(|before| *before >= from);
                stamps.extend([Some(at), before].into_iter().flatten().map(|at| (at, None)));
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
    pub fn judge(self, teller: &mut Teller<'_>) -> (u64, u64) {
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
                teller.idle(at, below, timeout_ms, now - then);
            }
        }
        (proved, unproved)
    }
}

fn before(offset: Offset) -> Option<Offset> {
    offset.0.checked_sub(1).map(Offset)
}
