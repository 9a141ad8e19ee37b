//! The numbers of one partition.

use seismic_pipeline::PartitionMetrics;
use serde::{Deserialize, Serialize};

use crate::status::model::counts::RecordCounts;

/// One partition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionNumbers {
    /// Which one.
    pub partition: u32,
    /// Whether a worker has it.
    pub is_held: bool,
    /// Committed position.
    pub position: Option<u64>,
    /// Where its log ended when that was asked last.
    pub end: Option<u64>,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
    /// What became of its records, as it was known here last.
    pub counts: Option<RecordCounts>,
    /// Rows of each roll-up then, the shortest first.
    pub rollup_rows: Vec<u64>,
}

impl PartitionNumbers {
    pub(super) fn of(it: &PartitionMetrics) -> PartitionNumbers {
        PartitionNumbers {
            partition: it.partition.0,
            is_held: it.is_held,
            position: it.position.map(|at| at.0),
            end: it.end.map(|at| at.0),
            sensors: it.sensors,
            open_windows: it.open_windows,
            counts: None,
            rollup_rows: Vec::new(),
        }
    }

    /// As another worker sees it. Whoever has it knows it best; counts only grow.
    pub(super) fn add(&mut self, other: &PartitionNumbers) {
        let read = |it: &Option<RecordCounts>| it.as_ref().map_or(0, |counts| counts.read);
        let newest = if read(&other.counts) > read(&self.counts) { other } else { &*self };
        let (counts, rollup_rows) = (newest.counts.clone(), newest.rollup_rows.clone());
        if other.is_held && !self.is_held {
            self.clone_from(other);
        }
        (self.counts, self.rollup_rows) = (counts, rollup_rows);
    }
}
