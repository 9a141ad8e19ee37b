//! The note of a partition in the status, for every kind of job.

use super::counts::RecordCounts;

/// What a kind of job shows of a note. A kind that has nothing to say of a field leaves it at zero.
#[derive(Clone, Debug)]
pub struct NoteStatus {
    /// Semantics of the job.
    pub rules: RulesStatus,
    /// What became of records.
    pub counts: RecordCounts,
    /// Each roll-up, the shortest first.
    pub rollups: Vec<RollupCounts>,
    /// Sensors known.
    pub sensors: u64,
    /// Windows open.
    pub open_windows: u64,
}

/// Rules of a job, as far as they are shown.
#[derive(Clone, Debug)]
pub struct RulesStatus {
    /// Short name of all rules.
    pub hash: String,
    /// What they say, in a line.
    pub about: String,
}

/// One roll-up.
#[derive(Clone, Copy, Debug, Default)]
pub struct RollupCounts {
    /// Rows written.
    pub rows: u64,
    /// Records in them.
    pub closed: u64,
    /// Records in open spans.
    pub open: u64,
}

impl RollupCounts {
    /// Adds those of another partition.
    pub fn add(&mut self, other: &RollupCounts) {
        self.rows += other.rows;
        self.closed += other.closed;
        self.open += other.open;
    }
}
