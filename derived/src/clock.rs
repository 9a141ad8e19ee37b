//! The clock of a key: which of its rows are late. It is moved by event times of that key alone, so it
//! is a function of the log; silence moves it by an entry of the journal.

use crate::bytes::number;

/// A clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// The newest event time.
    newest_ms: i64,
    /// The watermark: everything before it is closed.
    pub closed_ms: i64,
    /// Offset of the last message.
    last: Option<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { newest_ms: i64::MIN, closed_ms: i64::MIN, last: None }
    }
}

impl Clock {
    /// A message of the key stood there.
    pub fn see(&mut self, offset: u64) {
        self.last = Some(offset);
    }

    /// By how much a moment is before what is closed.
    pub fn late_ms(&self, time_ms: i64) -> Option<i64> {
        (time_ms < self.closed_ms).then(|| self.closed_ms.saturating_sub(time_ms))
    }

    /// Moves it to an event time. Whether more is closed.
    pub fn move_to(&mut self, time_ms: i64, lateness_ms: i64) -> bool {
        self.newest_ms = self.newest_ms.max(time_ms);
        self.close_before(self.newest_ms.saturating_sub(lateness_ms))
    }

    /// Closes everything before a moment. Whether more is closed.
    pub fn close_before(&mut self, moment_ms: i64) -> bool {
        let is_more = moment_ms > self.closed_ms;
        self.closed_ms = self.closed_ms.max(moment_ms);
        is_more
    }

    /// Whether no message of it stood at or after that offset.
    pub fn is_idle(&self, below: u64) -> bool {
        self.last.is_none_or(|last| last < below)
    }

    /// Appends it: newest i64, closed i64, last + 1 u64, little-endian.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(&self.newest_ms.to_le_bytes());
        into.extend_from_slice(&self.closed_ms.to_le_bytes());
        into.extend_from_slice(&self.last.map_or(0, |last| last + 1).to_le_bytes());
    }

    /// From what was appended; `None` when it is damaged.
    pub fn decode(rest: &mut &[u8]) -> Option<Clock> {
        let (newest_ms, closed_ms) = (number(rest)? as i64, number(rest)? as i64);
        Some(Clock { newest_ms, closed_ms, last: number(rest)?.checked_sub(1) })
    }
}
