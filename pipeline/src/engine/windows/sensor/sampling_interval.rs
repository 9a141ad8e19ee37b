//! The sampling interval of a sensor, learned from the steps of its clock: four bytes, a few
//! integer operations per record, no division. Rows use it to report gaps.
//!
//! The estimate `e` moves towards each step `d` (new clock − old clock, > 0) by
//!
//! ```text
//!   min(⌈|d − e| / 64⌉, max(16 µs, ⌊e / 256⌋))          in whole µs, so it lands exactly
//! ```
//!
//! Small differences are averaged: event times are whole ms, so 80 Hz is a mixture of steps of 12
//! and 13 ms, of which any median would be 4 % wrong. Large ones, such as an outage or a doubled
//! record, count only by their sign and move it by at most 0.4 %: that is the clipped mean of P. J.
//! Huber (*Robust Estimation of a Location Parameter*, Ann. Math. Statist. 35, 1964), followed step
//! by step with a constant gain (H. Robbins and S. Monro, *A Stochastic Approximation Method*, Ann.
//! Math. Statist. 22, 1951), in the memory of the frugal median of Q. Ma, S. Muthukrishnan and M.
//! Sandler (*Frugal Streaming for Estimating Quantiles*, 2013). A step that is wrong by one whole
//! ms may move it by 16 µs.
//!
//! The first step starts it, so a regular sensor's estimate is exact from its second record on. A
//! sensor that changes its rate by a factor of four is followed within about 700 records. Intervals
//! below 1 ms cannot be resolved: such a sensor counts as one of 1,000 samples/s.

use crate::limits;

/// An estimate, µs; 0 = unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SamplingInterval {
    us: u32,
}

impl SamplingInterval {
    /// Learns that the sensor's clock moved on by `step_ms`, which is positive.
    #[inline]
    pub fn learn(&mut self, step_ms: i64) {
        let step_us = step_ms.min(limits::INTERVAL_MS) as u32 * 1_000;
        if self.us == 0 {
            self.us = step_us;
            return;
        }
        let most = (self.us >> 8).max(16);
        let by = step_us.abs_diff(self.us).div_ceil(64).min(most);
        if step_us > self.us {
            self.us += by;
        } else {
            self.us -= by;
        }
    }

    /// ms; 0 = unknown.
    #[must_use]
    pub fn ms(self) -> f64 {
        f64::from(self.us) / 1_000.0
    }

    /// Share of `length_ms` that `count` records leave empty, 0 to 1; 0 while it is unknown.
    #[must_use]
    pub fn gap(self, count: u64, length_ms: i64) -> f64 {
        if self.us == 0 {
            return 0.0;
        }
        let length_ms = length_ms as f64;
        // A length may hold one record more than it has intervals.
        (length_ms - count as f64 * self.ms()).max(0.0) / length_ms
    }

    /// As stored.
    #[must_use]
    pub fn us(self) -> u32 {
        self.us
    }

    /// From its stored form; `None` for what [`SamplingInterval::learn`] never gives.
    #[must_use]
    pub fn stored(us: u32) -> Option<SamplingInterval> {
        let most = limits::INTERVAL_MS as u32 * 1_000;
        (us == 0 || (1_000..=most).contains(&us)).then_some(SamplingInterval { us })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn learnt(steps: impl IntoIterator<Item = i64>) -> SamplingInterval {
        let mut interval = SamplingInterval::default();
        steps.into_iter().for_each(|step| interval.learn(step));
        interval
    }

    #[test]
    fn a_regular_sensor_is_known_exactly_and_has_no_gaps() {
        let interval = learnt([40; 3]);
        assert_eq!(interval.ms(), 40.0);
        assert_eq!(interval.gap(25, 1_000), 0.0);
        assert_eq!(interval.gap(20, 1_000), 0.2);
        assert_eq!(interval.gap(26, 1_000), 0.0, "one more than the length has intervals");
    }

    #[test]
    fn an_outage_of_a_day_barely_moves_it_and_is_forgotten_exactly() {
        let mut interval = learnt([40, 86_400_000]);
        assert!(interval.ms() < 40.0 * (1.0 + 1.0 / 256.0), "{interval:?}");
        (0..500).for_each(|_| interval.learn(40));
        assert_eq!(interval.ms(), 40.0);
    }

    #[test]
    fn steps_of_whole_ms_average_to_the_rate_between_them() {
        for rate_hz in [30.0f64, 60.0, 80.0, 120.0, 300.0, 750.0] {
            let times: Vec<i64> =
                (0..4_000).map(|i| (f64::from(i) * 1e3 / rate_hz) as i64).collect();
            let interval = learnt(times.windows(2).map(|pair| pair[1] - pair[0]));
            let wrong = (interval.ms() * rate_hz / 1e3 - 1.0).abs();
            assert!(wrong < 0.01, "{rate_hz} Hz: {interval:?}");
        }
    }

    #[test]
    fn a_new_rate_is_followed_exactly_from_whatever_it_was() {
        for (before, after) in [(40, 10), (10, 40), (3_600_000, 10), (1, 1_000)] {
            let mut interval = learnt([before]);
            (0..5_000).for_each(|_| interval.learn(after));
            assert_eq!(interval.ms(), after as f64, "from {before}");
        }
    }

    #[test]
    fn nothing_is_known_before_the_first_step() {
        assert_eq!(
            (SamplingInterval::default().ms(), SamplingInterval::default().gap(1, 1_000)),
            (0.0, 0.0)
        );
    }

    proptest! {
        #[test]
        fn it_stays_between_the_steps_and_comes_back_as_stored(steps: Vec<u32>) {
            let step = |step: &u32| i64::from(*step).max(1);
            let interval = learnt(steps.iter().map(step));
            prop_assert_eq!(SamplingInterval::stored(interval.us()), Some(interval));
            if let (Some(low), Some(high)) = (steps.iter().map(step).min(), steps.iter().map(step).max()) {
                let most = limits::INTERVAL_MS;
                let bounds = low.min(most) as f64..=high.min(most) as f64;
                prop_assert!(bounds.contains(&interval.ms()), "{:?}", interval);
            }
        }
    }
}
