//! Positions of messages: partition, offset, and spans of offsets.

use std::fmt;

/// Number of a partition of a topic, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition(pub u32);

/// Place of a message in its partition. Offsets rise; backends may leave gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub u64);

impl Offset {
    /// The offset after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Offset(self.0 + 1)
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The messages that a partition holds: offsets `first..end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Oldest offset still there (equal to `end` when there is none).
    pub first: Offset,
    /// Next offset to be written.
    pub end: Offset,
}

impl Span {
    /// The same offsets in as few spans as can be, in order.
    pub fn joined(mut spans: Vec<Span>) -> Vec<Span> {
        spans.sort_unstable_by_key(|span| span.first);
        let mut all: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match all.last_mut() {
                Some(last) if span.first <= last.end => last.end = last.end.max(span.end),
                _ => all.push(span),
            }
        }
        all
    }
}
