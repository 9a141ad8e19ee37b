//! One roll-up of a job in the status.

use seismic_pipeline::ROLLUP;
use seismic_queue::Job;
use serde::Serialize;

use super::note::{NoteStatus, RollupCounts};

/// One roll-up.
#[derive(Clone, Debug, Serialize)]
pub struct RollupStatus {
    /// Its topic.
    pub topic: String,
    /// Rows written.
    pub rows: u64,
    /// Records in them.
    pub closed: u64,
    /// Records in open spans.
    pub open: u64,
}

impl RollupStatus {
    /// Those of a job, over the notes of all partitions.
    pub(super) fn of_job(job: &Job, notes: &[Option<NoteStatus>]) -> Vec<RollupStatus> {
        let status = |(level, topic): (usize, &String)| {
            let mut counts = RollupCounts::default();
            let of_it = notes.iter().flatten().filter_map(|note| note.rollups.get(level));
            of_it.for_each(|of_it| counts.add(of_it));
            let RollupCounts { rows, closed, open } = counts;
            RollupStatus { topic: topic.clone(), rows, closed, open }
        };
        let levels = notes.iter().flatten().map(|note| note.rollups.len()).max().unwrap_or(0);
        job.topics_of(ROLLUP).take(levels).enumerate().map(status).collect()
    }
}
