//! The amplitude accumulator: the statistics of every row, whatever the length of its span.
//!
//! Sums are f64, added in order of arrival; min and max use `<` and `>`, starting from the first
//! value. The same records in the same order give the same bits. Counts are kept by the window.

use std::ops::RangeInclusive;

use seismic_proto::{SeismicAggRecord, state};

/// Sums and extremes of at least one amplitude, with the first and the last in event time.
#[derive(Clone, Debug, PartialEq)]
pub struct AmplitudeStats {
    sum: f64,
    squares: f64,
    magnitudes: f64,
    min: f32,
    max: f32,
    /// Amplitudes at `first_ms` and `last_ms`.
    first: f32,
    last: f32,
    /// Oldest and newest event time, ms after the start of the window: at most a day, so four
    /// bytes.
    first_ms: u32,
    last_ms: u32,
}

impl AmplitudeStats {
    /// Of nothing yet, with the extremes started by the amplitude that is about to be added.
    #[must_use]
    pub fn start(at_ms: u32, amplitude: f32) -> Self {
        AmplitudeStats {
            sum: 0.0,
            squares: 0.0,
            magnitudes: 0.0,
            min: amplitude,
            max: amplitude,
            first: amplitude,
            last: amplitude,
            first_ms: at_ms,
            last_ms: at_ms,
        }
    }

    /// Adds the amplitude of a record `at_ms` after the start.
    #[inline(always)]
    pub fn add(&mut self, at_ms: u32, amplitude: f32) {
        let wide = f64::from(amplitude);
        self.sum += wide;
        self.squares += wide * wide;
        self.magnitudes += wide.abs();
        if amplitude < self.min {
            self.min = amplitude;
        }
        if amplitude > self.max {
            self.max = amplitude;
        }
        // Of several at the same time, the first and the last in the log.
        if at_ms < self.first_ms {
            (self.first_ms, self.first) = (at_ms, amplitude);
        }
        if at_ms >= self.last_ms {
            (self.last_ms, self.last) = (at_ms, amplitude);
        }
    }

    /// Adds all that `later` has, whose start lies `by_ms` after this one's and whose times lie
    /// after all of these.
    pub fn merge(&mut self, later: &AmplitudeStats, by_ms: u32) {
        self.sum += later.sum;
        self.squares += later.squares;
        self.magnitudes += later.magnitudes;
        if later.min < self.min {
            self.min = later.min;
        }
        if later.max > self.max {
            self.max = later.max;
        }
        self.last = later.last;
        self.last_ms = by_ms + later.last_ms;
    }

    /// The same, seen from a start that lies `by_ms` before.
    #[must_use]
    pub fn shifted(&self, by_ms: u32) -> Self {
        AmplitudeStats {
            first_ms: self.first_ms + by_ms,
            last_ms: self.last_ms + by_ms,
            ..self.clone()
        }
    }

    /// Whether amplitudes from `valid` within `length_ms` can have given it.
    #[must_use]
    pub fn is_sound(&self, valid: &RangeInclusive<f32>, length_ms: i64) -> bool {
        let between = self.min..=self.max;
        valid.contains(&self.min)
            && valid.contains(&self.max)
            && between.contains(&self.first)
            && between.contains(&self.last)
            // Rounding is monotonic, so this holds to the bit.
            && self.sum.abs() <= self.magnitudes
            && self.magnitudes.is_finite()
            && (0.0..f64::INFINITY).contains(&self.squares)
            && self.first_ms <= self.last_ms
            && i64::from(self.last_ms) < length_ms
    }

    /// Fills the fields of a row that follow from the sums of `count` records since `start_ms`.
    pub fn fill(&self, row: &mut SeismicAggRecord, start_ms: i64, count: u64) {
        let n = count as f64;
        let mean = self.sum / n;
        row.avg_amplitude = mean as f32;
        row.max_amplitude = self.max;
        row.min_amplitude = self.min;
        row.record_count = count as i64;
        row.mean_amplitude = mean;
        row.rms_amplitude = (self.squares / n).sqrt();
        row.first_sample_ts = start_ms + i64::from(self.first_ms);
        row.last_sample_ts = start_ms + i64::from(self.last_ms);
        row.rsam = self.magnitudes / n;
        // Rounding may leave a little less than nothing.
        let about_mean = (self.squares - self.sum * self.sum / n).max(0.0);
        row.std_amplitude = (about_mean / n).sqrt();
        row.peak_to_peak = f64::from(self.max) - f64::from(self.min);
        row.first_amplitude = self.first;
        row.last_amplitude = self.last;
    }
}

impl From<&AmplitudeStats> for state::Sums {
    fn from(sums: &AmplitudeStats) -> Self {
        let &AmplitudeStats { sum, squares, magnitudes, min, max, first, last, first_ms, last_ms } =
            sums;
        state::Sums { sum, squares, magnitudes, min, max, first, last, first_ms, last_ms }
    }
}

/// What cannot be is for [`AmplitudeStats::is_sound`] to say.
impl From<&state::Sums> for AmplitudeStats {
    fn from(stored: &state::Sums) -> Self {
        let &state::Sums { sum, squares, magnitudes, min, max, first, last, first_ms, last_ms } =
            stored;
        AmplitudeStats { sum, squares, magnitudes, min, max, first, last, first_ms, last_ms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    fn row(amplitudes: &[f32]) -> SeismicAggRecord {
        let mut sums = AmplitudeStats::start(0, amplitudes[0]);
        (0..).zip(amplitudes).for_each(|(at_ms, &amplitude)| sums.add(at_ms, amplitude));
        let mut row = SeismicAggRecord::default();
        sums.fill(&mut row, 0, amplitudes.len() as u64);
        row
    }

    #[test]
    fn rsam_takes_no_offset_away_and_the_deviation_does() {
        let row = row(&[9.0, 11.0, -9.0, -11.0].map(|x| x + 20.0));
        assert_eq!((row.rsam, row.mean_amplitude), (20.0, 20.0));
        assert_eq!(row.std_amplitude, 101.0f64.sqrt());
        assert_eq!(row.peak_to_peak, 22.0);
        assert_eq!(super::tests::row(&[-3.0, 1.0]).rsam, 2.0);
    }

    #[test]
    fn peak_to_peak_is_not_rounded_to_what_a_float_can_say() {
        assert_eq!(row(&[200.0, -1e-7]).peak_to_peak, 200.0 + f64::from(1e-7f32));
    }

    #[test]
    fn first_and_last_go_by_event_time_and_then_by_the_log() {
        let mut sums = AmplitudeStats::start(5, 1.0);
        for (at_ms, amplitude) in [(5, 1.0), (5, 2.0), (3, 3.0), (3, 4.0), (9, 5.0), (9, 6.0)] {
            sums.add(at_ms, amplitude);
        }
        assert_eq!((sums.first_ms, sums.first, sums.last_ms, sums.last), (3, 3.0, 9, 6.0));
    }

    /// A window that a stored state claims to be huge.
    #[test]
    fn a_count_beyond_what_floats_tell_apart_gives_finite_numbers() {
        let count = 3 * u64::from(u32::MAX);
        let n = count as f64;
        let sums = AmplitudeStats {
            sum: 200.0 * n,
            squares: 40_000.0 * n,
            magnitudes: 200.0 * n,
            ..AmplitudeStats::start(0, 200.0)
        };
        let mut row = SeismicAggRecord::default();
        sums.fill(&mut row, 0, count);
        assert_eq!((row.record_count, row.mean_amplitude, row.rsam), (count as i64, 200.0, 200.0));
        assert!(row.std_amplitude <= 200.0 * (3.0 * n * f64::powi(2.0, -53)).sqrt());
    }

    const EDGES: [f32; 9] =
        [-0.0, 0.0, 1e-45, -1e-45, f32::MIN_POSITIVE, -100.0, 200.0, 0.1, 199.999_98];

    fn amplitude() -> impl Strategy<Value = f32> {
        prop_oneof![select(&EDGES[..]), -100.0..200.0f32]
    }

    proptest! {
        #[test]
        fn equal_amplitudes_have_no_spread_beyond_the_bound(amplitude in amplitude(), n in 1..2_000usize) {
            let row = row(&vec![amplitude; n]);
            let bound = row.rms_amplitude * (3.0 * n as f64 * f64::powi(2.0, -53)).sqrt();
            prop_assert!(row.std_amplitude <= bound, "{:?}", row);
            prop_assert_eq!(row.peak_to_peak, 0.0);
            prop_assert_eq!((row.first_amplitude, row.last_amplitude), (amplitude, amplitude));
            if n == 1 {
                prop_assert_eq!(row.std_amplitude, 0.0);
                prop_assert_eq!(row.rsam, f64::from(amplitude).abs());
            }
        }

        #[test]
        fn the_fields_keep_their_order(amplitudes in vec(amplitude(), 1..500)) {
            let row = row(&amplitudes);
            let slack = 1.0 + 1e-12;
            prop_assert!(row.mean_amplitude.abs() <= row.rsam * slack);
            prop_assert!(row.rsam <= row.rms_amplitude * slack);
            prop_assert!(row.std_amplitude <= row.rms_amplitude * slack);
            // Popoviciu: no deviation is larger than half of the range.
            let bound = row.rms_amplitude * (3.0 * amplitudes.len() as f64 * f64::powi(2.0, -53)).sqrt();
            prop_assert!(row.std_amplitude <= row.peak_to_peak / 2.0 * slack + bound);
        }
    }
}
