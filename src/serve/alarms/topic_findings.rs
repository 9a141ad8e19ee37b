//! Findings in the topics of one job, until they are collected.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::rows::Matched;

/// How far topics are followed: the next offset of each partition.
pub type Places = BTreeMap<String, Vec<u64>>;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct TopicFindings {
    /// Rows of each alarm on rows since this was taken last.
    pub rows: Vec<Matched>,
    /// Since when rows of sensors are followed; `None` while they are not.
    pub since_ms: Option<i64>,
    /// When each expected sensor had its newest row.
    pub last_ms: BTreeMap<String, i64>,
    /// Offsets of clocks that are wrong, ms, once they were looked at.
    pub clocks: Option<BTreeMap<String, i64>>,
    /// How far rows are followed.
    pub places: Places,
}

pub(super) fn lock(found: &Mutex<TopicFindings>) -> MutexGuard<'_, TopicFindings> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}
