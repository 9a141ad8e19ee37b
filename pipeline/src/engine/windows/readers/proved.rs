//! The counts of a proof, read as those of a windows job.

use crate::engine::windows::counters::Counters;
use crate::engine::windows::note::Note;
use crate::verify::{Proved, Report};

impl Proved {
    /// Windows compared.
    #[must_use]
    pub fn windows(&self) -> u64 {
        self.rows.first().copied().unwrap_or(0)
    }

    /// Dead letters compared.
    #[must_use]
    pub fn dead_letters(&self) -> u64 {
        self.rows.get(1).copied().unwrap_or(0)
    }

    /// Rows of each roll-up compared.
    #[must_use]
    pub fn rollups(&self) -> &[u64] {
        self.rows.get(2..).unwrap_or_default()
    }

    /// The counters at the committed position; none for another kind of job.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Note::decode(&self.note).map(|note| note.counters).unwrap_or_default()
    }
}

impl Report {
    /// The counters of all partitions together; none for another kind of job.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.partitions.iter().for_each(|proved| sum.add(&proved.counters()));
        sum
    }
}
