//! One window of one sensor: the statistics of its records.

use seismic_proto::state;

use crate::engine::windows::amplitude_stats::AmplitudeStats;
use crate::engine::windows::decode::Phase;
use crate::engine::windows::output::Row;
use crate::engine::windows::reject_counts::RejectCounts;
use crate::engine::windows::rules::{Dedupe, Rules};

/// A record worth counting.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Event time, ms since 1970 UTC.
    pub time_ms: i64,
    /// Finite.
    pub amplitude: f32,
    /// P, S or N.
    pub phase: Phase,
}

/// The records of one window. Two windows are equal when they give the same rows from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Start, ms since 1970 UTC.
    pub start_ms: i64,
    sums: AmplitudeStats,
    /// Records of phase P, of phase S, and of noise.
    phases: [u32; 3],
    /// With dedupe, a bit for each ms at which a record was counted; one word without.
    #[allow(clippy::box_collection, reason = "one word in the common case of no dedupe")]
    seen: Option<Box<Vec<u64>>>,
    /// Records of it that were rejected; one word while there are none.
    rejects: Option<Box<RejectCounts>>,
}

impl Window {
    /// The window from `start_ms` on, with its first record.
    #[must_use]
    pub fn first(start_ms: i64, sample: Sample, rules: &Rules) -> Self {
        let words = (rules.window_ms as usize).div_ceil(64);
        let mut window = Window {
            start_ms,
            sums: AmplitudeStats::start((sample.time_ms - start_ms) as u32, sample.amplitude),
            phases: [0; 3],
            seen: (rules.dedupe == Dedupe::Time).then(|| Box::new(vec![0; words])),
            rejects: None,
        };
        window.add(sample);
        window
    }

    /// Counts one more record, whose event time lies in the window; `false`, and not counted, when
    /// it repeats one and the job dedupes.
    #[inline(always)]
    pub fn add(&mut self, sample: Sample) -> bool {
        let Sample { time_ms, amplitude, phase } = sample;
        let at_ms = (time_ms - self.start_ms) as u32;
        if self.seen.is_some() && !self.see(at_ms) {
            return false;
        }
        self.sums.add(at_ms, amplitude);
        // Without a branch: which phase comes next cannot be foretold.
        self.phases[(phase as usize).min(2)] += 1;
        true
    }

    /// Notes the ms; `false` when it was noted before.
    fn see(&mut self, at_ms: u32) -> bool {
        let Some(seen) = &mut self.seen else {
            return true;
        };
        let (word, bit) = (&mut seen[at_ms as usize / 64], 1 << (at_ms % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// Records counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.phases().iter().sum()
    }

    /// Counts records of it that were rejected.
    pub fn add_rejects(&mut self, counts: &RejectCounts) {
        self.rejects.get_or_insert_default().add(counts);
    }

    /// Records of it that were rejected.
    #[must_use]
    pub fn rejects(&self) -> RejectCounts {
        self.rejects.as_deref().copied().unwrap_or_default()
    }

    /// Whether records that passed the cleaning can have given it; for what was stored.
    #[must_use]
    pub fn is_sound(&self, rules: &Rules) -> bool {
        let words = match rules.dedupe {
            Dedupe::Off => 0,
            Dedupe::Time => (rules.window_ms as usize).div_ceil(64),
        };
        self.count() > 0
            && self.seen.as_ref().map_or(0, |seen| seen.len()) == words
            && (self.rejects.is_none() || rules.counts_rejects())
            && self.sums.is_sound(&rules.amplitude, rules.window_ms)
    }

    /// What a row with that number says of it.
    #[must_use]
    pub fn row(&self, window_ms: i64, pane: u32) -> Row<'_> {
        let (start_ms, phases, rejects) = (self.start_ms, self.phases(), self.rejects());
        Row { start_ms, length_ms: window_ms, pane, phases, rejects, sums: &self.sums }
    }

    /// Records of phase P, of phase S, and of noise.
    #[must_use]
    pub fn phases(&self) -> [u64; 3] {
        self.phases.map(u64::from)
    }

    /// What is summed up of its records.
    #[must_use]
    pub fn sums(&self) -> &AmplitudeStats {
        &self.sums
    }
}

impl From<&Window> for state::Window {
    fn from(window: &Window) -> Self {
        let [p, s, n] = window.phases;
        let rejects = window.rejects();
        state::Window {
            start_ms: window.start_ms,
            sums: Some((&window.sums).into()),
            p,
            s,
            n,
            seen: window.seen.as_deref().cloned().unwrap_or_default(),
            rejected: rejects.rejected,
            clipped: rejects.clipped,
            repeats: rejects.repeated,
        }
    }
}

/// What cannot be is for [`Window::is_sound`] to say.
impl From<&state::Window> for Window {
    fn from(stored: &state::Window) -> Self {
        let &state::Window { rejected, clipped, repeats: repeated, .. } = stored;
        let rejects = RejectCounts { rejected, clipped, repeated };
        Window {
            start_ms: stored.start_ms,
            sums: (&stored.sums.unwrap_or_default()).into(),
            phases: [stored.p, stored.s, stored.n],
            seen: (!stored.seen.is_empty()).then(|| Box::new(stored.seen.clone())),
            rejects: (!rejects.is_empty()).then(|| Box::new(rejects)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::windows::sensor::sampling_interval::SamplingInterval;
    use seismic_proto::SeismicAggRecord;

    fn row(amplitudes: &[f32]) -> SeismicAggRecord {
        let sample = |i: usize| Sample {
            time_ms: 1_000 + i as i64,
            amplitude: amplitudes[i],
            phase: [Phase::P, Phase::S, Phase::N][i % 3],
        };
        let mut window = Window::first(1_000, sample(0), &Rules::default());
        (1..amplitudes.len()).for_each(|i| assert!(window.add(sample(i))));
        let mut row = SeismicAggRecord::default();
        window.row(1_000, 0).fill(&mut row, SamplingInterval::default());
        row
    }

    #[test]
    fn all_negative_amplitudes_have_a_negative_maximum() {
        let row = row(&[-5.0, -3.0, -4.0]);
        assert_eq!((row.max_amplitude, row.min_amplitude), (-3.0, -5.0));
        assert_eq!(row.avg_amplitude, -4.0);
    }

    #[test]
    fn phases_are_counted_each_and_together() {
        let row = row(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!((row.p_phase_count, row.s_phase_count, row.n_phase_count), (2, 1, 1));
        assert_eq!(row.record_count, 4);
        assert_eq!((row.first_sample_ts, row.last_sample_ts), (1_000, 1_003));
        assert_eq!((row.window_start_ts, row.window_end_ts), (1_000, 2_000));
    }

    #[test]
    fn mean_and_rms_are_those_of_their_formulas() {
        let row = row(&[3.0, -4.0]);
        assert_eq!(row.mean_amplitude, -0.5);
        assert_eq!(row.rms_amplitude, (25.0f64 / 2.0).sqrt());
    }

    #[test]
    fn a_window_of_minus_zero_keeps_its_bits() {
        let row = row(&[-0.0, 0.0]);
        assert_eq!(row.max_amplitude.to_bits(), (-0.0f32).to_bits());
        assert_eq!(row.min_amplitude.to_bits(), (-0.0f32).to_bits());
    }

    #[test]
    fn a_window_comes_back_from_its_stored_form() {
        for dedupe in [Dedupe::Off, Dedupe::Time] {
            let rules = Rules { dedupe, ..Rules::default() };
            let sample = |time_ms| Sample { time_ms, amplitude: 1.5, phase: Phase::S };
            let mut window = Window::first(-1_000, sample(-1), &rules);
            window.add(sample(-700));
            window.add_rejects(&RejectCounts { rejected: 1, clipped: 2, repeated: 3 });
            assert_eq!(Window::from(&state::Window::from(&window)), window);
        }
    }

    #[test]
    fn with_dedupe_a_second_record_of_the_same_ms_does_not_count() {
        let rules = Rules { dedupe: Dedupe::Time, ..Rules::default() };
        let sample = |time_ms| Sample { time_ms, amplitude: 1.0, phase: Phase::N };
        let mut window = Window::first(0, sample(999), &rules);
        assert!(!window.add(sample(999)));
        assert!(window.add(sample(0)) && window.add(sample(63)) && window.add(sample(64)));
        assert!(!window.add(sample(64)) && !window.add(sample(0)));
        assert_eq!(window.count(), 4);
    }
}
