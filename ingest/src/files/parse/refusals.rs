//! Lines that were refused: how many, and what was wrong with the first of them.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{Error, Hint, limits};

/// What an import refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// Lines, or files, refused.
    pub count: u64,
    /// The first [`limits::REFUSALS_NAMED`] of them: file, line and what is wrong.
    pub first: Vec<String>,
    /// What might help.
    #[serde(skip)]
    pub hints: BTreeSet<Hint>,
}

impl Refusals {
    pub(crate) fn add(&mut self, refused: &Error, hint: Option<Hint>) {
        self.count += 1;
        self.hints.extend(hint);
        if self.first.len() < limits::REFUSALS_NAMED {
            self.first.push(shortened(refused.to_string()));
        }
    }

    /// Adds those of another import.
    pub fn append(&mut self, others: Refusals) {
        self.count += others.count;
        self.hints.extend(others.hints);
        let room = limits::REFUSALS_NAMED - self.first.len();
        self.first.extend(others.first.into_iter().take(room));
    }
}

/// Text that may quote a hostile line, cut to a length that a person reads.
pub(crate) fn shortened(mut text: String) -> String {
    if text.len() > limits::REFUSAL_BYTES {
        let mut end = limits::REFUSAL_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}
