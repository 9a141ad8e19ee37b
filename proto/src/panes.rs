//! Adds up rows of one window, or of one span of a roll-up: the panes of one era of a sensor's
//! clock.
//!
//! With n the count, S = n · mean, Q = n · rms² and A = n · rsam:
//!
//! ```text
//!   n, S, Q, A, counts   added
//!   min, max             the smaller, the larger
//!   first, last          by their times; of the same time, that of the earlier, of the later row
//!   mean = S/n   rms = √(Q/n)   rsam = A/n   std = √(max(0, Q − S²/n)/n)
//! ```
//!
//! Counts, extremes and times are exact; sums are off by a few units in the last place, since rows
//! store means.

use crate::SeismicAggRecord;

impl SeismicAggRecord {
    /// Whether both are of one window or span, and of one era of the sensor's clock.
    #[must_use]
    pub fn adds_up_with(&self, other: &SeismicAggRecord) -> bool {
        let key = |row: &SeismicAggRecord| (row.window_start_ts, row.window_end_ts, row.clock_era);
        self.sensor_id == other.sensor_id && key(self) == key(other)
    }

    /// Adds a later row of the same window and era.
    pub fn add_pane(&mut self, later: &SeismicAggRecord) {
        let (ours, theirs) = (self.record_count as f64, later.record_count as f64);
        let n = ours + theirs;
        if theirs <= 0.0 {
            return;
        }
        let sum = ours * self.mean_amplitude + theirs * later.mean_amplitude;
        let squares = |row: &SeismicAggRecord| row.rms_amplitude * row.rms_amplitude;
        let squares = ours * squares(self) + theirs * squares(later);
        self.rsam = (ours * self.rsam + theirs * later.rsam) / n;
        self.mean_amplitude = sum / n;
        self.avg_amplitude = (sum / n) as f32;
        self.rms_amplitude = (squares / n).sqrt();
        self.std_amplitude = ((squares - sum * sum / n).max(0.0) / n).sqrt();
        if later.min_amplitude < self.min_amplitude {
            self.min_amplitude = later.min_amplitude;
        }
        if later.max_amplitude > self.max_amplitude {
            self.max_amplitude = later.max_amplitude;
        }
        self.peak_to_peak = f64::from(self.max_amplitude) - f64::from(self.min_amplitude);
        if later.first_sample_ts < self.first_sample_ts {
            self.first_sample_ts = later.first_sample_ts;
            self.first_amplitude = later.first_amplitude;
        }
        if later.last_sample_ts >= self.last_sample_ts {
            self.last_sample_ts = later.last_sample_ts;
            self.last_amplitude = later.last_amplitude;
        }
        self.record_count = self.record_count.saturating_add(later.record_count);
        for (count, more) in [
            (&mut self.p_phase_count, later.p_phase_count),
            (&mut self.s_phase_count, later.s_phase_count),
            (&mut self.n_phase_count, later.n_phase_count),
        ] {
            *count = count.saturating_add(more);
        }
        for (count, more) in [
            (&mut self.rejected_count, later.rejected_count),
            (&mut self.clipped_count, later.clipped_count),
            (&mut self.repeat_count, later.repeat_count),
        ] {
            *count = count.saturating_add(more);
        }
        self.sample_interval_ms = later.sample_interval_ms;
        let length = self.window_end_ts.saturating_sub(self.window_start_ts) as f64;
        let empty = length - n * self.sample_interval_ms;
        let is_known = self.sample_interval_ms > 0.0 && length > 0.0;
        self.gap_fraction = if is_known { empty.max(0.0) / length } else { 0.0 };
        (self.closed_by, self.closing_offset) = (later.closed_by, later.closing_offset);
        self.pane = self.pane.max(later.pane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of these samples, each with its time.
    fn row(samples: &[(i64, f32)]) -> SeismicAggRecord {
        let n = samples.len() as f64;
        let sum = |of: fn(f64) -> f64| samples.iter().map(|(_, x)| of(f64::from(*x))).sum::<f64>();
        let (s, q) = (sum(|x| x), sum(|x| x * x));
        let amplitudes = || samples.iter().map(|(_, x)| *x);
        let (min, max) =
            (amplitudes().fold(f32::MAX, f32::min), amplitudes().fold(f32::MIN, f32::max));
        let first = samples.iter().min_by_key(|(at, _)| *at).unwrap();
        let last = samples.iter().max_by_key(|(at, _)| *at).unwrap();
        SeismicAggRecord {
            sensor_id: "S".to_owned(),
            window_start_ts: 0,
            window_end_ts: 1_000,
            avg_amplitude: (s / n) as f32,
            max_amplitude: max,
            min_amplitude: min,
            n_phase_count: samples.len() as i32,
            record_count: samples.len() as i64,
            mean_amplitude: s / n,
            rms_amplitude: (q / n).sqrt(),
            first_sample_ts: first.0,
            last_sample_ts: last.0,
            rsam: sum(f64::abs) / n,
            std_amplitude: ((q - s * s / n).max(0.0) / n).sqrt(),
            peak_to_peak: f64::from(max) - f64::from(min),
            first_amplitude: first.1,
            last_amplitude: last.1,
            sample_interval_ms: 100.0,
            gap_fraction: (1_000.0 - n * 100.0) / 1_000.0,
            ..Default::default()
        }
    }

    #[test]
    fn panes_together_say_what_one_row_of_all_samples_says() {
        let all: Vec<(i64, f32)> =
            (0..9).map(|i| (i * 100, ((i * 37) % 11) as f32 - 4.5)).collect();
        let expected = row(&all);
        for cut in 1..9 {
            let mut merged = row(&all[cut..]);
            let other = row(&all[..cut]);
            assert!(merged.adds_up_with(&other));
            merged.add_pane(&other);
            let near =
                |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}");
            near(merged.mean_amplitude, expected.mean_amplitude);
            near(merged.rms_amplitude, expected.rms_amplitude);
            near(merged.rsam, expected.rsam);
            near(merged.std_amplitude, expected.std_amplitude);
            near(merged.gap_fraction, expected.gap_fraction);
            let exact = SeismicAggRecord {
                avg_amplitude: merged.avg_amplitude,
                mean_amplitude: merged.mean_amplitude,
                rms_amplitude: merged.rms_amplitude,
                rsam: merged.rsam,
                std_amplitude: merged.std_amplitude,
                gap_fraction: merged.gap_fraction,
                ..expected.clone()
            };
            assert_eq!(merged, exact);
        }
    }

    #[test]
    fn rows_of_different_eras_never_add_up() {
        let (one, other) = (row(&[(0, 1.0)]), row(&[(1, 1.0)]));
        assert!(!one.adds_up_with(&SeismicAggRecord { clock_era: 1, ..other }));
    }
}
