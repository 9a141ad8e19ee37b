//! How many records a bounded run may still read.

use std::sync::atomic::{AtomicI64, Ordering};

/// How many records a bounded run may still read, shared by its slots.
#[derive(Debug)]
pub struct RecordBudget(Option<AtomicI64>);

impl RecordBudget {
    /// This many records; `None` is without limit.
    pub fn new(max_records: Option<u64>) -> Self {
        RecordBudget(max_records.map(|max| AtomicI64::new(i64::try_from(max).unwrap_or(i64::MAX))))
    }

    pub(crate) fn is_unlimited(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.0.as_ref().is_some_and(|left| left.load(Ordering::Relaxed) <= 0)
    }

    pub(crate) fn spend(&self, records: u64) {
        if let Some(left) = &self.0 {
            left.fetch_sub(records as i64, Ordering::Relaxed);
        }
    }
}
