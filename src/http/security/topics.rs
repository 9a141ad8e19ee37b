//! The topics that a token may have read, and those that it may have written: by jobs that it submits, and by itself.

use super::scope::Scope;

/// Topics of a token, by their names and the beginnings of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicScope {
    /// Those that are read.
    pub select: Scope,
    /// Those that are written.
    pub insert: Scope,
}

impl TopicScope {
    /// Every topic.
    #[must_use]
    pub fn all() -> TopicScope {
        TopicScope { select: Scope::all(), insert: Scope::all() }
    }

    /// Whether every topic is one of both.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.select.is_all() && self.insert.is_all()
    }

    /// No topic.
    #[must_use]
    pub fn none() -> TopicScope {
        TopicScope { select: Scope::none(), insert: Scope::none() }
    }
}
