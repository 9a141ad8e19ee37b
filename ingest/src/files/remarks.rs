//! Remarks about an import that succeeded otherwise.

use serde::Serialize;

use crate::limits;

/// Remarks in plain sentences; of very many the first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Remarks {
    /// How many there are.
    pub count: u64,
    /// The first [`limits::REMARKS_NAMED`] of them.
    pub first: Vec<String>,
}

impl Remarks {
    pub(crate) fn add(&mut self, remark: String) {
        self.count += 1;
        if self.first.len() < limits::REMARKS_NAMED {
            self.first.push(remark);
        }
    }

    /// Adds those of another import.
    pub fn append(&mut self, others: Remarks) {
        self.count += others.count;
        let room = limits::REMARKS_NAMED.saturating_sub(self.first.len());
        self.first.extend(others.first.into_iter().take(room));
    }
}
