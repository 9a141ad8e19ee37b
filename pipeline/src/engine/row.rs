//! What a row says: the statistics of one span of one sensor, whatever its length.

use seismic_proto::SeismicAggRecord;

use crate::engine::amplitude_stats::AmplitudeStats;
use crate::engine::sampling_interval::SamplingInterval;

/// A span with at least one record.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// Start, ms since 1970 UTC.
    pub start_ms: i64,
    /// Length, ms.
    pub length_ms: i64,
    /// Number of the row among those of the span.
    pub pane: u32,
    /// Records of phase P, of phase S, and of noise.
    pub phases: [u64; 3],
    /// What is summed up of them.
    pub sums: &'a AmplitudeStats,
}

impl Row<'_> {
    /// Records counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.phases.iter().sum()
    }

    /// Fills every field that the span and its sensor's interval say.
    pub fn fill(&self, row: &mut SeismicAggRecord, interval: SamplingInterval) {
        // A phase count beyond i32 needs 2^31 records in one span of one sensor.
        let narrow = |phases: u64| i32::try_from(phases).unwrap_or(i32::MAX);
        let count = self.count();
        row.window_start_ts = self.start_ms;
        row.window_end_ts = self.start_ms + self.length_ms;
        [row.p_phase_count, row.s_phase_count, row.n_phase_count] = self.phases.map(narrow);
        self.sums.fill(row, self.start_ms, count);
        row.sample_interval_ms = interval.ms();
        row.gap_fraction = interval.gap(count, self.length_ms);
        row.pane = i32::try_from(self.pane).unwrap_or(i32::MAX);
    }
}
