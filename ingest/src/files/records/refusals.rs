//! Lines that were refused: how many, and what was wrong with the first of them.

use serde::Serialize;

use crate::{Error, limits};

/// What an import refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// Lines (rows, for CSV) refused.
    pub count: u64,
    /// The first [`limits::REFUSALS_NAMED`] of them: file, line and what is wrong.
    pub first: Vec<String>,
}

impl Refusals {
    pub(crate) fn add(&mut self, refused: &Error) {
        self.count += 1;
        if self.first.len() < limits::REFUSALS_NAMED {
            self.first.push(shortened(refused.to_string()));
        }
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
